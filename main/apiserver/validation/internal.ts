/**
 * The fields of a structure as upstream's internal type has them, in its order: what each is when nothing is said, or
 * how the structure in it looks. Their names are the API's with a capital; `=` names one that is not.
 */
export interface InternalShape {
  readonly [field: string]: string | number | boolean | null | InternalShape;
}

const isShape = (value: unknown): value is InternalShape => typeof value === 'object' && value !== null;

/** A value as findings show it where upstream validates its internal type, whose fields have Go's names and none of which is left out. */
export function internal(shape: InternalShape, value: object | undefined): unknown {
  if (!value) return null;
  if (Array.isArray(value)) return value.map((element: object) => internal(shape, element));
  const given = value as Record<string, unknown>;
  const shown: Record<string, unknown> = {};
  for (const field in shape) {
    const [name, goName = name.charAt(0).toUpperCase() + name.slice(1)] = field.split('=') as [string, string?];
    const zero = shape[field];
    shown[goName] = isShape(zero) ? internal(zero, given[name] as object | undefined) : (given[name] ?? zero);
  }
  return shown;
}
