// The Debian packages that hold Kubernetes' API sources, with the hashes they must have.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const debianPackages = [
  { name: 'golang-k8s-api-dev', version: '0.36.4-1', sha256: '0b5f0e6bb3c55edf6a564496c5997b729e0b03c6597891a32dac9b6d71b9e109' },
  { name: 'golang-k8s-apimachinery-dev', version: '0.36.4-3', sha256: '020045b2e32576be3350f382133cefaa6342f17ab8df24175667f6882b32925b' },
  { name: 'golang-k8s-apiextensions-apiserver-dev', version: '0.36.4-1', sha256: '2b99dfbbdbea3372c625abfb6fcbdaf9ea79e36110bf06a66ac014c25f9babf8' },
];

/** The packages' folder: the one given, or a new one that apt fills without touching this machine's configuration. */
export function packageFolder(given, scratch) {
  if (given) return path.resolve(given);
  const folder = (name) => {
    const made = path.join(scratch, 'apt', name);
    fs.mkdirSync(made, { recursive: true });
    return made;
  };
  const sources = path.join(scratch, 'sid.sources');
  fs.writeFileSync(sources, 'Types: deb\nURIs: https://deb.debian.org/debian\nSuites: sid\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n');
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State=${folder('state')}`,
    `Dir::State::lists=${folder('lists')}`,
    `Dir::Cache=${folder('cache')}`,
    'APT::Architecture=amd64',
  ].flatMap((option) => ['-o', option]);
  folder('lists/partial');
  execFileSync('apt-get', [...options, 'update'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const target = folder('packages');
  execFileSync('apt-get', [...options, 'download', ...debianPackages.map(({ name, version }) => `${name}=${version}`)], {
    cwd: target,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return target;
}

/** Verifies and unpacks the packages, hands over the folder `k8s.io` within, and tidies up. */
export function withSources(given, use) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'skiff-facts-'));
  try {
    const folder = packageFolder(given, scratch);
    for (const { name, version, sha256 } of debianPackages) {
      const file = path.join(folder, `${name}_${version}_all.deb`);
      if (!fs.existsSync(file)) throw new Error(`${file} is missing: snapshot.debian.org keeps every version`);
      const found = createHash('sha256').update(fs.readFileSync(file)).digest('hex');
      if (found !== sha256) throw new Error(`${file} is not the package that was agreed on: sha256 ${found}, expected ${sha256}`);
      execFileSync('dpkg-deb', ['-x', file, path.join(scratch, 'root')]);
    }
    return use(path.join(scratch, 'root/usr/share/gocode/src/k8s.io'));
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true });
  }
}
