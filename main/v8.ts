/**
 * How V8 is to treat the engine, a server that lives long beside its user's own work. Imported first: what is compiled
 * before keeps the old ways.
 */
import { setFlagsFromString } from 'node:v8';

// By itself V8 lets garbage grow to several times what is alive before it collects, since it thinks of the machine as its own.
setFlagsFromString('--heap-growing-percent=40');
// Requests are alike: what runs now runs again, so code is observed from its first run and optimized earlier.
setFlagsFromString('--no-lazy-feedback-allocation');
setFlagsFromString('--interrupt-budget=40000');
