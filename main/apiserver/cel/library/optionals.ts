import { member, type Declare } from '../functions.ts';
import { boolType, intType, listType, mapType, optionalType, paramType, type CelType } from '../types.ts';
import { minSeconds, second } from '../time.ts';
import { ArrayList, Bytes, CelError, CelList, CelMap, Duration, Optional, Timestamp, Uint, type Value } from '../values.ts';

const T = paramType('T');
const K = paramType('K');
const V = paramType('V');
const optional = optionalType(T);

export const optionalTypes: Readonly<Record<string, CelType>> = { optional_type: optional };

/** Values that may be missing; mirrors github.com/google/cel-go/cel (library.go, optionals). */
export function optionalsLibrary(add: Declare): void {
  add('optional.of', 'optional_of', [T], optional, (value: Value) => Optional.of(value));
  add('optional.ofNonZeroValue', 'optional_ofNonZeroValue', [T], optional, (value: Value) => (isZero(value) ? Optional.none : Optional.of(value)));
  add('optional.none', 'optional_none', [], optional, () => Optional.none);
  add('value', 'optional_value', [optional], T, ({ value }: Optional) => {
    if (value === undefined) throw new CelError('optional.none() dereference');
    return value;
  }, member);
  add('hasValue', 'optional_hasValue', [optional], boolType, ({ value }: Optional) => value !== undefined, member);
  // The interpreter looks at the alternative only when it is needed.
  add('or', 'optional_or_optional', [optional, optional], optional, undefined, member);
  add('orValue', 'optional_orValue_value', [optional, T], T, undefined, member);
  add('_[?_]', 'list_optindex_optional_int', [listType(V), intType], optionalType(V));
  add('_[?_]', 'optional_list_optindex_optional_int', [optionalType(listType(V)), intType], optionalType(V));
  add('_[?_]', 'map_optindex_optional_value', [mapType(K, V), K], optionalType(V));
  add('_[?_]', 'optional_map_optindex_optional_value', [optionalType(mapType(K, V)), K], optionalType(V));
  add('_[_]', 'optional_list_index_int', [optionalType(listType(V)), intType], optionalType(V));
  add('_[_]', 'optional_map_index_value', [optionalType(mapType(K, V)), K], optionalType(V));
  add('optional.unwrap', 'optional_unwrap', [listType(optional)], listType(T), (list: CelList) => new ArrayList([...list].flatMap((item) => present(item))));
  add('unwrapOpt', 'optional_unwrapOpt', [listType(optional)], listType(T), (list: CelList) => new ArrayList([...list].flatMap((item) => present(item))), member);
  add('first', 'list_first', [listType(V)], optionalType(V), (list: CelList) => (list.size ? Optional.of(list.at(0)) : Optional.none), member);
  add('last', 'list_last', [listType(V)], optionalType(V), (list: CelList) => (list.size ? Optional.of(list.at(list.size - 1)) : Optional.none), member);
}

function present(item: Value): Value[] {
  if (!(item instanceof Optional)) throw new CelError('no such overload');
  return item.value === undefined ? [] : [item.value];
}

function isZero(value: Value): boolean {
  if (value === null || value === false || value === 0n || value === 0 || value === '') return true;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Duration) return value.nanos === 0n;
  if (value instanceof Timestamp) return value.nanos === minSeconds * second;
  if (value instanceof Bytes) return value.data.length === 0;
  return (value instanceof CelList || value instanceof CelMap) && value.size === 0;
}
