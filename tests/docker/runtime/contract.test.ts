import { runtimeContract } from '../../contracts/runtime.ts';
import { startEngine } from './engine.ts';

runtimeContract('the Docker runtime', startEngine);
