/** The node agent's entry: the one program in a node container. */
import fs from 'node:fs';
import { acceptLinks } from './links.ts';
import { Agent } from './agent.ts';
import { NodeVolume } from './nodeVolume.ts';
import { StateFile } from './state.ts';

const [volume = '/var/lib/skiff', run = '/run/skiff'] = process.argv.slice(2);

fs.writeFileSync(`${run}/agent.pid`, `${process.pid}\n`);
const agent = new Agent(new NodeVolume(volume), await StateFile.load(`${volume}/.agent/state.json`));
await agent.resume().catch((error: unknown) => console.error('could not take up where it was', error));
await acceptLinks(run, (link) => agent.accept(link));
