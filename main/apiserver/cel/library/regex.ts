import { member, type Declare } from '../functions.ts';
import { re2 } from '../regex.ts';
import { intType, listType, stringType } from '../types.ts';
import { ArrayList, CelError } from '../values.ts';

function matcher(text: string, pattern: string) {
  try {
    return re2(pattern).matcher(text);
  } catch (error) {
    throw new CelError(`Illegal regex: ${(error as Error).message}`);
  }
}

function findAll(text: string, pattern: string, limit = -1n): ArrayList {
  const found: string[] = [];
  const search = matcher(text, pattern);
  while ((limit < 0n || found.length < limit) && search.find()) found.push(search.group() ?? '');
  return new ArrayList(found);
}

/** Searches by regular expression; mirrors k8s.io/apiserver/pkg/cel/library (regex.go). */
export function regexLibrary(add: Declare): void {
  add('find', 'string_find_string', [stringType, stringType], stringType, (text: string, pattern: string) => {
    const search = matcher(text, pattern);
    return search.find() ? (search.group() ?? '') : '';
  }, member);
  add('findAll', 'string_find_all_string', [stringType, stringType], listType(stringType), (text: string, pattern: string) => findAll(text, pattern), member);
  add('findAll', 'string_find_all_string_int', [stringType, stringType, intType], listType(stringType), findAll, member);
}
