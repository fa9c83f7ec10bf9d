export type TypeKind =
  | 'dyn' | 'error' | 'null' | 'bool' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'timestamp' | 'duration'
  | 'list' | 'map' | 'type' | 'object' | 'opaque' | 'param';

/** A type of CEL; mirrors github.com/google/cel-go/common/types (types.go). */
export interface CelType {
  readonly kind: TypeKind;
  /** As the checker's messages show it, without parameters. */
  readonly name: string;
  readonly parameters: readonly CelType[];
  /** Of an object: the type of a field, undefined when it has no such field. */
  field?(name: string): CelType | undefined;
}

const simple = (kind: TypeKind, name: string = kind): CelType => ({ kind, name, parameters: [] });

export const dynType = simple('dyn');
/** Known only when it is evaluated, and never a list or a map. */
export const anyType = simple('dyn', 'any');
export const errorType = simple('error', '!error!');
export const nullType = simple('null', 'null');
export const boolType = simple('bool');
export const intType = simple('int');
export const uintType = simple('uint');
export const doubleType = simple('double');
export const stringType = simple('string');
export const bytesType = simple('bytes');
export const timestampType = simple('timestamp');
export const durationType = simple('duration');

export const listType = (element: CelType): CelType => ({ kind: 'list', name: 'list', parameters: [element] });
export const mapType = (key: CelType, value: CelType): CelType => ({ kind: 'map', name: 'map', parameters: [key, value] });
export const typeType = (of: CelType): CelType => ({ kind: 'type', name: 'type', parameters: [of] });
export const paramType = (name: string): CelType => simple('param', name);
/** A type that expressions can only hand to functions. */
export const opaqueType = (name: string, ...parameters: CelType[]): CelType => ({ kind: 'opaque', name, parameters });
export const optionalType = (of: CelType): CelType => opaqueType('optional_type', of);

/** An object whose fields are known by name. */
export function objectType(name: string, fields: Readonly<Record<string, CelType>> | ReadonlyMap<string, CelType>): CelType {
  const known = fields instanceof Map ? fields : new Map(Object.entries(fields));
  return { kind: 'object', name, parameters: [], field: (field) => known.get(field) };
}

export const isOptional = (type: CelType) => type.kind === 'opaque' && type.name === 'optional_type';
export const isDyn = (type: CelType) => type.kind === 'dyn' || type.kind === 'error';

/** `list(int)`, `map(string, dyn)`. */
export function formatType(type: CelType): string {
  if (!type.parameters.length) return type.name;
  return `${type.name}(${type.parameters.map(formatType).join(', ')})`;
}

export function sameType(a: CelType, b: CelType): boolean {
  if (a === b) return true;
  return (
    a.kind === b.kind && a.name === b.name && a.parameters.length === b.parameters.length && a.parameters.every((parameter, i) => sameType(parameter, b.parameters[i]!))
  );
}

/** The types that type parameters stand for, found while an expression is checked. Mirrors checker/types.go and checker/mapping.go. */
export class Substitutions {
  constructor(private readonly known: Map<string, CelType> = new Map()) {}

  copy(): Substitutions {
    return new Substitutions(new Map(this.known));
  }

  /** The type with its parameters filled in; what is still open becomes dyn if asked. */
  apply(type: CelType, openIsDyn: boolean): CelType {
    const found = type.kind === 'param' ? this.known.get(type.name) : undefined;
    if (found) return this.apply(found, openIsDyn);
    if (type.kind === 'param') return openIsDyn ? dynType : type;
    if (!type.parameters.length) return type;
    return { ...type, parameters: type.parameters.map((parameter) => this.apply(parameter, openIsDyn)) };
  }

  areAssignable(from: readonly CelType[], to: readonly CelType[]): boolean {
    return from.length === to.length && from.every((type, i) => this.isAssignable(type, to[i]!));
  }

  isAssignable(from: CelType, to: CelType): boolean {
    if (to.kind === 'param') {
      const known = this.known.has(to.name);
      if (this.#substitute(from, to)) return true;
      if (known) return false;
    }
    if (from.kind === 'param') return this.#substitute(to, from);
    if (isDyn(from) || isDyn(to)) return true;
    if (from.kind === 'null') return isNullable(to);
    if (to.kind === 'null') return isNullable(from);
    if (from.kind === 'type') return to.kind === 'type';
    if (from.kind !== to.kind || from.name !== to.name) return false;
    return from.parameters.length === to.parameters.length && this.areAssignable(from.parameters, to.parameters);
  }

  #substitute(type: CelType, param: CelType): boolean {
    if (type.kind === 'param' && type.name === param.name) return true;
    const known = this.known.get(param.name);
    if (known) {
      if (sameType(type, known)) return true;
      if (!this.isAssignable(type, known)) return false;
      const general = mostGeneral(type, known);
      if (!this.#mentions(general, param)) this.known.set(param.name, general);
      return true;
    }
    if (this.#mentions(type, param)) return false;
    this.known.set(param.name, type);
    return true;
  }

  #mentions(type: CelType, param: CelType): boolean {
    if (type.kind === 'param') {
      if (type.name === param.name) return true;
      const known = this.known.get(type.name);
      return known !== undefined && this.#mentions(known, param);
    }
    return type.parameters.some((parameter) => this.#mentions(parameter, param));
  }
}

const isNullable = (type: CelType) => ['opaque', 'object', 'timestamp', 'duration', 'null'].includes(type.kind);

/** The less specific of two types that go together. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return isEqualOrLessSpecific(a, b) ? a : b;
}

function isEqualOrLessSpecific(a: CelType, b: CelType): boolean {
  if (isDyn(a) || a.kind === 'param') return true;
  if (isDyn(b) || b.kind === 'param') return false;
  if (a.kind !== b.kind || a.name !== b.name || a.parameters.length !== b.parameters.length) return false;
  return a.parameters.every((parameter, i) => isEqualOrLessSpecific(parameter, b.parameters[i]!));
}
