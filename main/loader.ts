/**
 * Loads the bundles with what V8 compiled of them in an earlier run: reading and compiling them anew takes a third of a
 * start. `vite.node.config.ts` makes the entries that call it.
 */
import { accessSync, constants, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

type Wrapper = (this: unknown, exports: unknown, require: (name: string) => unknown, module: Module, filename: string, dirname: string) => void;

interface Module {
  exports: unknown;
}

const nodeRequire = createRequire(import.meta.filename);
const modules = new Map<string, Module>();
/** What was compiled in this run for want of code from an earlier one. */
const compiled = new Map<string, Script>();
let isOver = false;

/** Code fits one version of V8 on one kind of machine. Its file lies beside the bundle: who may write there may change the bundle as well. */
const codeFile = (file: string) => `${file}.${process.versions.v8}-${process.arch}.code`;

/** Runs a bundle (an absolute path) once and returns what it exports. */
export function load(file: string): unknown {
  const known = modules.get(file);
  if (known) return known.exports;
  if (file === import.meta.filename) return nodeRequire(file);
  const module: Module = { exports: {} };
  modules.set(file, module);
  // The bundles are ASCII (see vite.node.config.ts), which V8 keeps in half the memory of other text.
  const source = readFileSync(file, 'latin1');
  const cachedData = isOver ? undefined : readCode(file);
  const script = new Script(`(function(exports,require,module,__filename,__dirname){${source}\n})`, { filename: file, cachedData });
  if (!isOver && (!cachedData || script.cachedDataRejected)) compiled.set(file, script);
  const directory = dirname(file);
  const require = (name: string): unknown => (name.startsWith('.') ? load(join(directory, name)) : nodeRequire(name));
  (script.runInThisContext() as Wrapper).call(module.exports, module.exports, require, module, file, directory);
  return module.exports;
}

/**
 * Called when a whole start is through. Keeps what was compiled in it, functions that have run included, for later starts;
 * where nothing can be written beside the bundles, as in the packaged app, nothing is kept. Then tells V8 how to treat what
 * is a server that lives long beside its user's own work.
 */
export function startIsOver(): void {
  if (isOver) return;
  keepCompiledCode();
  // Not earlier: V8 takes code, that of Node's own modules as well, only under the flags that it was compiled under.
  isOver = true;
  // By itself V8 lets garbage grow to several times what is alive before it collects, since it thinks of the machine as its own.
  // Room for what is new is another matter (see newSpace.ts): where it may grow under load, a request is over before it has to be copied.
  setFlagsFromString('--heap-growing-percent=40');
  // Requests are alike: what runs now runs again, so code is observed from its first run and optimized earlier.
  setFlagsFromString('--no-lazy-feedback-allocation');
  // Later versions have a compiler between, which comes early by itself; of a flag that they do not know they complain to the user.
  if (Number.parseInt(process.versions.v8) >= 12) return;
  setFlagsFromString('--interrupt-budget=7000');
  setFlagsFromString('--ticks-before-optimization=1');
  // Much of a first burst's time went into functions that were compiled together with all that they call; small ones are taken in anyway.
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=150');
}

function keepCompiledCode(): void {
  const directory = dirname(import.meta.filename);
  if (compiled.size === 0 || !canWrite(directory)) return;
  // What this run had no use for (an engine, simulated nodes) the next one may.
  for (const name of readdirSync(directory)) if (name.startsWith('chunk-') && name.endsWith('.cjs')) compileAhead(join(directory, name));
  for (const [file, script] of compiled) writeCode(file, script);
  compiled.clear();
}

function canWrite(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function compileAhead(file: string): void {
  try {
    load(file);
  } catch {
    // Some want others to have run before them.
    modules.delete(file);
  }
}

function writeCode(file: string, script: Script): void {
  // Under another name at first: a start that reads half of it would have nothing of it.
  const beside = `${codeFile(file)}.${process.pid}`;
  try {
    writeFileSync(beside, script.createCachedData());
    renameSync(beside, codeFile(file));
  } catch {
    // The next start takes a little longer, nothing else.
  }
}

function readCode(file: string): Buffer | undefined {
  try {
    return readFileSync(codeFile(file));
  } catch {
    return undefined;
  }
}
