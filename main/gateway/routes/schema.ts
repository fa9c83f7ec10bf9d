import type { JSONSchemaProps } from '../../api/index.ts';

/* Short words for the schemas of definitions.ts. */

type Fields = Record<string, JSONSchemaProps>;

export const text = (more: Partial<JSONSchemaProps> = {}): JSONSchemaProps => ({ type: 'string', ...more });
export const word = (max: number, pattern?: string): JSONSchemaProps => text({ minLength: 1, maxLength: max, ...(pattern ? { pattern } : {}) });
export const oneOf = (values: string[], initial?: string): JSONSchemaProps => text({ enum: values, ...(initial ? { default: initial } : {}) });
export const number = (minimum: number, maximum: number, more: Partial<JSONSchemaProps> = {}): JSONSchemaProps => ({ type: 'integer', format: 'int32', minimum, maximum, ...more });
export const object = (properties: Fields, required: string[] = [], more: Partial<JSONSchemaProps> = {}): JSONSchemaProps => ({
  type: 'object',
  properties,
  ...(required.length ? { required } : {}),
  ...more,
});
export const list = (items: JSONSchemaProps, maxItems: number, more: Partial<JSONSchemaProps> = {}): JSONSchemaProps => ({ type: 'array', items, maxItems, ...more });
export const mapBy = (keys: string[], items: JSONSchemaProps, maxItems: number, more: Partial<JSONSchemaProps> = {}): JSONSchemaProps =>
  list(items, maxItems, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys, ...more });
export const rule = (expression: string, message: string) => ({ rule: expression, message });

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const domain = `${label}(\\.${label})*`;
const kindName = '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$';

export const hostname = word(253, `^(\\*\\.)?${domain}$`);
export const preciseHostname = word(253, `^${domain}$`);
export const sectionName = word(253, `^${domain}$`);
export const namespaceName = word(63, `^${label}$`);
export const groupName = (initial?: string) => text({ maxLength: 253, pattern: `^$|^${domain}$`, ...(initial === undefined ? {} : { default: initial }) });
export const kind = (initial?: string) => ({ ...word(63, kindName), ...(initial === undefined ? {} : { default: initial }) });
export const objectName = word(253);
export const port = number(1, 65535);
export const duration = text({ pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' });
const headerToken = "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$";
export const headerName = word(256, headerToken);

export const condition = object(
  {
    type: text({ maxLength: 316, pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$' }),
    status: oneOf(['True', 'False', 'Unknown']),
    observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
    lastTransitionTime: text({ format: 'date-time' }),
    reason: word(1024, '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$'),
    message: text({ maxLength: 32768 }),
  },
  ['lastTransitionTime', 'message', 'reason', 'status', 'type'],
);
export const conditions = mapBy(['type'], condition, 8);
