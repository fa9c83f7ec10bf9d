import { describe, expect, it } from 'vitest';
import {
  AuthorizerValue, authorizerType, boolType, CelError, declaredType, dynamicValue, dynType, Environment, intType, listType, objectType, schemaValue, sizesOf,
  stringType, toJson, type CelSchema, type CelType, type Value,
} from '../../../../main/apiserver/cel/index.ts';

const none = new Environment({ variables: {} });
const dynamic = new Environment({ variables: { self: dynType, a: intType, names: listType(stringType) } });

function run(expression: string, variables: Record<string, Value> = {}, environment = none, limit = 1_000_000): Value | CelError {
  const compiled = environment.compile(expression);
  if (typeof compiled === 'string') throw new Error(compiled);
  const result = compiled.program.evaluate((name) => variables[name], limit);
  return 'error' in result ? result.error : result.value;
}

const fault = (expression: string, environment = none) => {
  const compiled = environment.compile(expression);
  return typeof compiled === 'string' ? compiled : 'compiles';
};

describe('expressions', () => {
  it.each([
    '1 + 2 * 3 == 7',
    '-7 / 2 == -3 && -7 % 2 == -1',
    'dyn(1) == 1.0 && 1u == dyn(1) && 2 > 1.5',
    '"a" + "b" == "ab" && b"\\x61" == bytes("a")',
    '[1, 2,] == [1, 2] && [,] == [] && {1: 2,} == {1: 2} && {,} == {}',
    '[1, 2] + [3] == [1, 2, 3] && 2 in [1, 2] && !("c" in {"a": 1})',
    '{"a": {"b": [1]}}.a.b[0] == 1',
    'true ? true : 1 / 0 == 0',
    'false && 1 / 0 == 0 || (1 / 0 == 0 || true)',
    'size("🐹a") == 2 && "🐹a".substring(1) == "a"',
    'type(1) == int && type("") == string && type(null) == null_type && type(type(1)) == type',
    'r"\\d" == "\\\\d" && \'\'\'x\'y\'\'\' == "x\'y" && "\\u00e9" == "é"',
    'duration("1h30m").getMinutes() == 90 && string(duration("1.5s")) == "1.5s"',
    'timestamp("2024-02-29T12:00:00.5Z") - timestamp("2024-02-28T12:00:00Z") == duration("24h0.5s")',
    'timestamp("2024-02-29T23:30:00Z").getDayOfMonth("+01:00") == 0 && timestamp("2024-01-01T00:00:00Z").getDayOfYear() == 0',
    'timestamp("2024-02-29T23:30:00Z").getHours("US/Pacific") == 15',
    'string(timestamp("2024-02-29T12:00:00.120Z")) == "2024-02-29T12:00:00.12Z"',
    'int("42") == 42 && double("1e3") == 1000.0 && string(1e20) == "1e+20" && bool("true")',
    '"hello".matches("^h.*o$") && !"Hello".matches("(?i)^x")',
    '[1, 2, 3].all(x, x > 0) && [1, 2].exists(x, x == 2) && [1, 2, 2].exists_one(x, x == 1)',
    '[1, 2, 3].filter(x, x > 1).map(x, x * 2) == [4, 6] && [1, 2].map(x, x > 1, x) == [2]',
    '["a", "b"].exists(x, int(x) == 1 || x == "b")',
    '{"a": 1, "b": 2}.all(k, k in ["a", "b"])',
    '[1, 2].all(i, v, v == i + 1) && {"a": 1}.exists(k, v, k == "a" && v == 1)',
    '{"a": 1, "b": 2}.transformMap(k, v, v + 1) == {"a": 2, "b": 3} && [1, 2].transformList(i, v, i + v) == [1, 3]',
    '{"a": "x"}.transformMapEntry(k, v, {v: k}) == {"x": "a"}',
    'optional.of(1).value() == 1 && !optional.none().hasValue() && {"a": 1}[?"b"].orValue(7) == 7 && {"a": {"b": 1}}.?a.b == optional.of(1)',
    'optional.of(2).optMap(x, x * 2).orValue(0) == 4 && [?optional.of(1), ?optional.none()] == [1] && {?"a": optional.none()} == {}',
    'has({"a": 1}.a) && !has({"a": 1}.b)',
    '"%d %s %.2f %x %s %e".format([5, "a", 1234.5, 255, [1, "b", null, 1.5], 3.14]) == "5 a 1,234.50 ff [1, \\"b\\", null, 1.500000] 3.140000×10⁰⁰"',
    '"a,b,c".split(",", 2) == ["a", "b,c"] && ["a", "b"].join("-") == "a-b" && "abcb".replace("b", "x", 1) == "axcb"',
    '"tacocat".indexOf("o") == 3 && "abcabc".lastIndexOf("c") == 5 && "ABC".lowerAscii() == "abc" && " x ".trim() == "x" && "abc".charAt(1) == "b"',
    '[1, 3, 2].max() == 3 && [1, 2].isSorted() && [1, 2].sum() == 3 && ["b", "a"].sort() == ["a", "b"] && [1, 2].indexOf(2) == 1',
    '[3, 1].sortBy(x, x) == [1, 3] && [[1], [2]].flatten() == [1, 2] && [1, 1].distinct() == [1] && lists.range(2) == [0, 1] && [1, 2].reverse().first().value() == 2',
    'sets.contains([1, 2], [2]) && sets.equivalent([1, 2], [2, 1]) && !sets.intersects([1], [2])',
    '"a1b22".findAll("[0-9]+") == ["1", "22"] && "a1".find("[0-9]") == "1"',
    'url("https://u@[::1]:80/a b?x=1&x=2#f").getHostname() == "::1" && url("https://h:80/p?x=1&x=2").getQuery()["x"] == ["1", "2"] && !isURL("nope")',
    'ip("127.0.0.1").isLoopback() && ip("::1").family() == 6 && !isIP("1.2.3") && ip.isCanonical("::1") && string(ip("::1")) == "::1"',
    'cidr("10.0.0.0/8").containsIP("10.1.2.3") && cidr("10.0.0.0/8").containsCIDR(cidr("10.1.0.0/16")) && cidr("10.1.2.3/8").masked() == cidr("10.0.0.0/8") && type(ip("::1")) == net.IP',
    'quantity("1Gi").isGreaterThan(quantity("1G")) && quantity("2").add(1).asInteger() == 3 && quantity("1k") == quantity("1000") && !isQuantity("x")',
    'semver("1.2.3").isLessThan(semver("1.10.0")) && isSemver("v1.0", true) && !isSemver("v1.0.0") && semver("1.2.3").minor() == 2',
    'format.dns1123Label().validate("A").hasValue() && !format.named("uuid").value().validate("00000000-0000-0000-0000-000000000000").hasValue()',
  ])('%s', (expression) => {
    expect(run(expression)).toBe(true);
  });

  it.each([
    ['1 / 0', 'division by zero'],
    ['9223372036854775807 + 1', 'integer overflow'],
    ['{"a": 1}.b', 'no such key: b'],
    ['[1][1]', 'index out of bounds: 1'],
    ['int(["x"][0])', "type conversion error from 'string' to 'int'"],
    ['dyn(1) + dyn("a")', 'no such overload'],
    ['optional.none().value()', 'optional.none() dereference'],
    ['quantity("x")', "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
  ])('%s fails with %s', (expression, message) => {
    expect(run(expression)).toMatchObject({ message });
  });

  it('names objects of declared types and makes JSON of them', () => {
    const spec = objectType('Object.spec', { replicas: intType });
    const environment = new Environment({ variables: {}, types: [objectType('Object', { spec }), spec], mutation: true });
    expect(toJson(run('Object{spec: Object.spec{replicas: 3}}', {}, environment) as Value)).toEqual({ spec: { replicas: 3 } });
    expect(run('jsonpatch.escapeKey("a/b~c")', {}, environment)).toBe('a~1b~0c');
    expect(fault('Object{spec: Object.spec{size: 3}}', environment)).toContain("undefined field 'size'");
    expect(fault('Object{spec: Object.spec{replicas: "3"}}', environment)).toContain("expected type of field 'replicas' is 'int' but provided type is 'string'");
  });

  it('asks the authorizer that it was given', () => {
    const environment = new Environment({ variables: { authorizer: authorizerType } });
    const asked: unknown[] = [];
    const authorizer = new AuthorizerValue((access, serviceAccount) => {
      asked.push([access, serviceAccount]);
      return { allowed: access.verb === 'get', reason: 'by rule' };
    });
    const expression = "authorizer.serviceAccount('ns', 'sa').group('apps').resource('deployments').namespace('n').check('get').allowed()";
    expect(run(expression, { authorizer }, environment)).toBe(true);
    expect(run("authorizer.path('/x').check('post').reason()", { authorizer }, environment)).toBe('by rule');
    expect(asked).toEqual([
      [{ group: 'apps', resource: 'deployments', namespace: 'n', verb: 'get' }, { namespace: 'ns', name: 'sa' }],
      [{ path: '/x', verb: 'post' }, undefined],
    ]);
  });
});

describe('faults that the compiler finds', () => {
  it('shows where they are', () => {
    expect(fault('a.b + x', dynamic)).toBe(
      "ERROR: <input>:1:2: type 'int' does not support field selection\n | a.b + x\n | .^\n" +
        "ERROR: <input>:1:7: undeclared reference to 'x' (in container '')\n | a.b + x\n | ......^",
    );
  });

  it.each([
    ['1 + "a"', "found no matching overload for '_+_' applied to '(int, string)'"],
    ['"a".foo()', "undeclared reference to 'foo' (in container '')"],
    ['"a".startsWith(1)', "found no matching overload for 'startsWith' applied to 'string.(int)'"],
    ['[1, "a"]', "expected type 'int' but found 'string'"],
    ['1.all(x, true)', "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"],
    ['[1].all(x, x)', "found no matching overload for '_&&_' applied to '(bool, int)'"],
    ['[1].all(x.y, true)', 'argument must be a simple name'],
    ['has(a)', 'invalid argument to has() macro'],
    ['for', 'reserved identifier: for'],
    ['1 +', "Syntax error: mismatched input '<EOF>' expecting"],
    ['1 2', "extraneous input '2' expecting <EOF>"],
    ['1 2 3', "mismatched input '2' expecting <EOF>"],
    ['(1', "missing ')' at '<EOF>'"],
    ['f(1 2)', "extraneous input '2' expecting ')'"],
    ['{"a" 1}', "missing ':' at '1'"],
    ['[1 2]', "extraneous input '2' expecting {']', ','}"],
    ['{1: 2', "mismatched input '<EOF>' expecting {'}', ','}"],
    ['[1, 2,', "1:7: Syntax error: missing ']' at '<EOF>'"],
    ['{1: 2,', "missing '}' at '<EOF>'"],
    ['A{b: 1,', "missing '}' at '<EOF>'"],
    ['[1, : 2]', "mismatched input ':' expecting ']'"],
    ['[1, 2, )', "mismatched input ')' expecting ']'"],
    ['size([1, )', "missing ']' at ')'"],
    ['[,', "missing ']' at '<EOF>'"],
    ['[, 1]', "extraneous input '1' expecting ']'"],
    ['true || || true', "extraneous input '||' expecting {'['"],
    ['a.', "no viable alternative at input '.'"],
    ['"a".matches("[")', 'invalid matches argument'],
    ['duration("x")', 'invalid duration argument'],
    ['9223372036854775808', 'invalid int literal'],
    ['@', "token recognition error at: '@'"],
    ['cel.bind(x, 1, x)', "undeclared reference to 'cel' (in container '')"],
  ])('%s', (expression, message) => {
    expect(fault(expression)).toContain(message);
  });

  it.each([
    ['a = 5', ["1:3: Syntax error: token recognition error at: '= '", "1:5: Syntax error: extraneous input '5' expecting <EOF>"]],
    ['1 == 5 & true', ["1:8: Syntax error: token recognition error at: '& '", "1:10: Syntax error: extraneous input 'true' expecting <EOF>"]],
    ['"open', ["1:1: Syntax error: token recognition error at: '\"open'", "1:6: Syntax error: mismatched input '<EOF>' expecting {"]],
    ['"\\u12" == a', ["1:1: Syntax error: token recognition error at: '\"\\u12\"'", "1:8: Syntax error: extraneous input '==' expecting {"]],
    ["'a\nb' == c", ["1:1: Syntax error: token recognition error at: ''a\n'", "2:2: Syntax error: token recognition error at: '' == c'"]],
    ['a == \u201cx\u201d', ["1:6: Syntax error: token recognition error at: '\u201c'", "1:8: Syntax error: token recognition error at: '\u201d'"]],
    ['if (true) { false }', ['1:1: reserved identifier: if', "1:11: Syntax error: mismatched input '{' expecting <EOF>"]],
    ['var x = 1', ['1:1: reserved identifier: var', "1:5: Syntax error: mismatched input 'x' expecting <EOF>", "1:7: Syntax error: token recognition error at: '= '"]],
    ['#', ["1:1: Syntax error: token recognition error at: '#'", "1:2: Syntax error: mismatched input '<EOF>' expecting {"]],
    ['a.b..c', ["1:5: Syntax error: no viable alternative at input '..'"]],
  ])('all faults of %j are told, in their order', (expression, faults) => {
    const told = fault(expression).split(/^ERROR: <input>:/m).slice(1);
    expect(told.map((text, i) => text.slice(0, faults[i]?.length))).toEqual(faults);
  });

  it('does not follow endless nesting', () => {
    expect(fault('('.repeat(1000) + '1' + ')'.repeat(1000))).toContain('recursion limit');
    expect(fault('true' + ' && true'.repeat(9000))).toContain('recursion limit');
  });
});

describe('data by its schema', () => {
  const schema: CelSchema = {
    type: 'object',
    properties: {
      count: { type: 'integer' },
      ratio: { type: 'number' },
      port: { 'x-kubernetes-int-or-string': true },
      'a-b': { type: 'string', maxLength: 10 },
      namespace: { type: 'string' },
      when: { type: 'string', format: 'date-time' },
      tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      ports: {
        type: 'array',
        items: { type: 'object', properties: { name: { type: 'string' }, port: { type: 'integer' } } },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  };
  const declared = declaredType(schema, false)!;
  const environment = new Environment({ variables: { self: declared.type, oldSelf: declared.type } });
  const data = {
    count: 3, ratio: 2, port: '10%', 'a-b': 'x', namespace: 'n', when: '2024-01-01T00:00:00Z', tags: ['a', 'b'],
    ports: [{ name: 'x', port: 1 }, { name: 'y', port: 2 }], labels: { 'app.kubernetes.io/name': 'z' }, unknown: 1,
  };
  const ask = (expression: string, old: object = data) => run(expression, { self: schemaValue(data, schema), oldSelf: schemaValue(old, schema) }, environment);

  it.each([
    'self.count == 3 && type(self.count) == int && self.ratio == 2.0 && type(self.ratio) == double',
    'type(self.port) == string && self.port.endsWith("%")',
    'self.a__dash__b == "x" && self.__namespace__ == "n"',
    'self.when < timestamp("2025-01-01T00:00:00Z")',
    'self.tags == ["b", "a"] && self.tags + ["a", "c"] == ["a", "b", "c"]',
    'self.ports.exists(p, p.name == "y" && p.port == 2)',
    'self.labels["app.kubernetes.io/name"] == "z" && self.labels.all(k, v, v == "z")',
    '!has(self.free) && has(self.count)',
  ])('%s', (expression) => {
    expect(ask(expression)).toBe(true);
  });

  it('compares lists of type map by their keys', () => {
    expect(ask('self.ports == oldSelf.ports', { ...data, ports: [...data.ports].reverse() })).toBe(true);
    expect(ask('self.ports == oldSelf.ports', { ...data, ports: [data.ports[0], { name: 'y', port: 3 }] })).toBe(false);
  });

  it('knows no fields that the schema does not know', () => {
    expect(fault('self.unknown == 1', environment)).toContain("undefined field 'unknown'");
  });

  it('takes JSON without a schema as it comes', () => {
    expect(run('self.a[0] == 1 && self.b == 1.5 && self.c == null && !has(self.d)', { self: dynamicValue({ a: [1], b: 1.5, c: null }) }, dynamic)).toBe(true);
  });
});

describe('cost', () => {
  it('ends an evaluation that does too much', () => {
    const names = dynamicValue(Array.from({ length: 2000 }, (_, i) => String(i)));
    expect(run('names.all(x, names.all(y, x != y || x == y))', { names }, dynamic)).toMatchObject({ message: 'operation cancelled: actual cost limit exceeded' });
  });

  it('is not forgiven by another branch', () => {
    const names = dynamicValue(Array.from({ length: 2000 }, (_, i) => String(i)));
    expect(run('names.all(x, names.all(y, x != y || x == y)) || true', { names }, dynamic)).toBeInstanceOf(CelError);
  });

  // Numbers of k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/celcoststability_test.go.
  const scalar = (type: string, format?: string): CelSchema => ({ type, ...(format && { format }) });
  const texts: CelSchema = { type: 'object', additionalProperties: scalar('string') };
  const numbers: CelSchema = { type: 'object', additionalProperties: scalar('integer') };
  const cases: Array<[string, CelSchema, object, number]> = [
    ['self.val1 == self.val2', object({ val1: scalar('integer'), val2: scalar('integer') }), { val1: 1, val2: 1 }, 5],
    ["self.val1.startsWith('a')", object({ val1: scalar('string') }), { val1: 'abc' }, 3],
    ['has(self.val1)', object({ val1: scalar('integer') }), { val1: 1 }, 1],
    // Constants, also of types, cost nothing; neither does looking among them.
    ["type(self.val1) == string", object({ val1: scalar('string') }), { val1: 'a' }, 4],
    ["self.val1 in ['a', 'b']", object({ val1: scalar('string') }), { val1: 'a' }, 2],
    ["self.val1 == duration('1h2m') + duration('3s4ms')", object({ val1: scalar('string', 'duration') }), { val1: '1h2m3s4ms' }, 4],
    ["self.val1 == {'k1': 'a', 'k2': 'b'}", object({ val1: texts }), { val1: { k1: 'a', k2: 'b' } }, 3],
    // A variable that selects is charged once, and one that a condition chose not at all.
    ['self.val.all(k, self.val[k] > 0)', object({ val: numbers }), { val: { a: 1, b: 2 } }, 17],
    ['self.val.exists_one(k, self.val[k] == 2)', object({ val: numbers }), { val: { a: 1, b: 2 } }, 14],
    ['self.val.transformMap(k, v, v > 1, v + 1).size() == 1', object({ val: numbers }), { val: { a: 1, b: 2 } }, 14],
    ['["a"].sortBy(e, e) == ["a"]', object({}), {}, 30],
    // What fails costs all the same.
    ["self.list.exists(m, m.v == 'z')", object({ list: { type: 'array', items: object({ k: scalar('string'), v: scalar('string') }) } }), { list: [{ k: 'a1' }, { k: 'a2' }, { k: 'a3', v: 'z' }] }, 24],
    ['self.obj.?absent == optional.none()', object({ obj: object({ absent: scalar('string') }) }), { obj: {} }, 4],
  ];
  it.each(cases)('%s', (expression, schema, data, cost) => {
    const environment = new Environment({ variables: { self: declaredType(schema, false)!.type } });
    const compiled = environment.compile(expression);
    if (typeof compiled === 'string') throw new Error(compiled);
    expect(compiled.program.evaluate(() => schemaValue(data, schema), 1000)).toEqual({ value: true, cost });
  });

  const estimate = (expression: string, schema: CelSchema) => {
    const declared = declaredType(schema, false)!;
    const compiled = new Environment({ variables: { self: declared.type } }).compile(expression);
    if (typeof compiled === 'string') throw new Error(compiled);
    return compiled.estimate(sizesOf(declared)).max;
  };

  // Numbers of k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/compilation_test.go.
  it.each<[string, CelSchema, number]>([
    ['self.all(x, true)', { type: 'array', items: scalar('number') }, 4718591],
    ['self.matches("abc")', { type: 'string', maxLength: 10 }, 6],
    ['self.all(x, x.contains(self[x]))', { type: 'object', additionalProperties: { type: 'string' } }, 2752507],
  ])('%s is estimated', (expression, schema, cost) => {
    expect(estimate(expression, schema)).toBe(cost);
  });

  it('grows with what the schema leaves open', () => {
    const nested = (maxItems?: number): CelSchema => ({ type: 'array', ...(maxItems && { maxItems }), items: { type: 'array', ...(maxItems && { maxItems }), items: { type: 'string', maxLength: 5 } } });
    expect(estimate('self.all(x, x.all(y, y == "a"))', nested())).toBeGreaterThan(10_000_000);
    expect(estimate('self.all(x, x.all(y, y == "a"))', nested(10))).toBeLessThan(2000);
  });
});

describe('data of a schema', () => {
  const rule = (expression: string, schema: CelSchema, data: object) => {
    const environment = new Environment({ variables: { self: declaredType(schema, false)!.type } });
    return run(expression, { self: schemaValue(data, schema) }, environment);
  };
  const text: CelSchema = { type: 'string' };
  const keyed: CelSchema = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], items: object({ k: text, v: text }) };

  it('adds lists of maps by key, and the sum is such a list', () => {
    const l = [[{ k: 'a', v: '1' }, { k: 'b', v: '2' }], [{ k: 'b', v: '3' }, { k: 'a', v: '1' }]];
    expect(rule('self.l[0] + self.l[1] == self.l[1] && self.l[1] + self.l[0] == self.l[0] && self.l[0] != self.l[1]', object({ l: { type: 'array', items: keyed } }), { l })).toBe(true);
  });

  it('compares objects also by what no schema knows', () => {
    const any: CelSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    expect(rule('self.l[0] == self.l[1] && self.l[0] != self.l[2]', object({ l: { type: 'array', items: any } }), { l: [{ x: 1 }, { x: 1 }, { x: 2 }] })).toBe(true);
  });

  it('takes null for nothing, and words of CEL for names', () => {
    expect(rule('!has(self.a) && self.namespace == self.__namespace__', object({ a: { ...text, nullable: true }, namespace: text }), { a: null, namespace: 'x' })).toBe(true);
  });
});

it('knows places by their right names alone', () => {
  const said = (place: string) => (run(`timestamp(0).getHours(${JSON.stringify(place)}) == 16`) as CelError).message;
  expect(said('Us/Pacific')).toBe('unknown time zone Us/Pacific');
  expect(said('/etc/passwd')).toBe('time: invalid location name');
});

it('refuses constants that cannot be, once and for all', () => {
  expect(fault('"a".find(")") == ""')).toBe('program instantiation failed: error parsing regexp: unexpected ): `)`');
  expect(fault('int("x") == 1')).toBe("program instantiation failed: type conversion error from 'string' to 'int'");
  expect(fault('timestamp(-62135596801) == timestamp(0)')).toContain('invalid timestamp argument');
});

it('chooses a function by what a list holds', () => {
  expect(run('dyn([1.0, 2.0]).sum() == 3.0')).toBe(true);
  expect(run('dyn([dyn(1), dyn(2.0)]).sum() == 3.0')).toMatchObject({ message: 'no such overload' });
});

function object(properties: Record<string, CelSchema>): CelSchema {
  return { type: 'object', properties };
}

it('knows the type of what an expression gives', () => {
  const type = (expression: string): CelType => {
    const compiled = dynamic.compile(expression);
    if (typeof compiled === 'string') throw new Error(compiled);
    return compiled.outputType;
  };
  expect(type('a > 1')).toBe(boolType);
  expect(type('names.map(n, n + "x")')).toEqual(listType(stringType));
  expect(type('self.x')).toBe(dynType);
});
