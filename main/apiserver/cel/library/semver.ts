import semver from 'semver';
import { member, type Declare } from '../functions.ts';
import { boolType, intType, objectType, stringType } from '../types.ts';
import { CelError, Opaque } from '../values.ts';

export const semverType = objectType('kubernetes.Semver', {});

class SemverValue extends Opaque {
  readonly typeName = semverType.name;
  constructor(readonly version: semver.SemVer) {
    super();
  }
  equals(other: SemverValue): boolean {
    return this.version.compare(other.version) === 0;
  }
}

/** Throws a CelError for what is no semantic version. */
export function semverValue(text: string): SemverValue {
  if (!text) throw new CelError('Version string empty');
  // The library forgives a leading `v` and spaces, the specification does not.
  const version = /^\d/.test(text) && text.trim() === text ? semver.parse(text) : null;
  if (version) return new SemverValue(version);
  if (text.split('.').length < 3) throw new CelError('No Major.Minor.Patch elements found');
  const part = text.split(/[-+]/)[0]!.split('.').find((number) => !/^\d+$/.test(number));
  if (part !== undefined) throw new CelError(`Invalid character(s) found in ${text.startsWith(part) ? 'major' : 'minor'} number "${part}"`);
  throw new CelError(`Invalid version "${text}"`);
}

/** Forgives a leading `v`, leading zeros and missing parts. */
function normalize(text: string): string {
  const parts = text.replace(/^v/, '').split('.');
  const numbers = [...parts.slice(0, 2), ...(parts.length > 2 ? [parts.slice(2).join('.')] : [])].map((part) => {
    if (part.length < 2) return part;
    const stripped = part.replace(/^0+/, '');
    return /^\d/.test(stripped) ? stripped : `0${stripped}`;
  });
  if (numbers.length < 3 && /[+-]/.test(numbers.at(-1)!)) throw new CelError('short version cannot contain PreRelease/Build meta data');
  while (numbers.length < 3) numbers.push('0');
  return numbers.join('.');
}

const parseAs = (text: string, normalized: boolean) => semverValue(normalized ? normalize(text) : text);

function isSemver(text: string, normalized: boolean): boolean {
  try {
    parseAs(text, normalized);
    return true;
  } catch {
    return false;
  }
}

/** Semantic versions; mirrors k8s.io/apiserver/pkg/cel/library (semverlib.go), version 1. */
export function semverLibrary(add: Declare): void {
  const two = [semverType, semverType];
  add('semver', 'string_to_semver', [stringType], semverType, (text: string) => semverValue(text));
  add('semver', 'string_bool_to_semver', [stringType, boolType], semverType, parseAs);
  add('isSemver', 'is_semver_string', [stringType], boolType, (text: string) => isSemver(text, false));
  add('isSemver', 'is_semver_string_bool', [stringType, boolType], boolType, isSemver);
  add('isGreaterThan', 'semver_is_greater_than', two, boolType, (a: SemverValue, b: SemverValue) => a.version.compare(b.version) > 0, member);
  add('isLessThan', 'semver_is_less_than', two, boolType, (a: SemverValue, b: SemverValue) => a.version.compare(b.version) < 0, member);
  add('compareTo', 'semver_compare_to', two, intType, (a: SemverValue, b: SemverValue) => BigInt(a.version.compare(b.version)), member);
  add('major', 'semver_major', [semverType], intType, (a: SemverValue) => BigInt(a.version.major), member);
  add('minor', 'semver_minor', [semverType], intType, (a: SemverValue) => BigInt(a.version.minor), member);
  add('patch', 'semver_patch', [semverType], intType, (a: SemverValue) => BigInt(a.version.patch), member);
}
