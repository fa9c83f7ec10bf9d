import { describe, expect, it } from 'vitest';
import { decodeObject } from '../../../main/api/decode.ts';
import { withNumberTexts } from '../../../main/api/numberText.ts';

const deployments = { group: 'apps', version: 'v1', kind: 'Deployment' };
const decode = (text: string) => decodeObject(deployments, withNumberTexts(text));

describe('a whole number that is written with an exponent or a fraction', () => {
  it('is none where an integer is wanted, and is told as it was written', () => {
    for (const number of ['1e0', '1.0', '2E+1'])
      expect(() => decode(`{"spec":{"replicas": ${number} }}`)).toThrow(`json: cannot unmarshal number ${number} into Go struct field DeploymentSpec.spec.replicas of type int32`);
  });

  it('is one for amounts, and no text', () => {
    const container = (more: string) => `{"spec":{"template":{"spec":{"containers":[{"name":"a",${more}}]}}}}`;
    expect(() => decode(container('"resources":{"limits":{"cpu":1e0}}'))).not.toThrow();
    expect(() => decode(container('"image":1e0'))).toThrow('cannot unmarshal number into Go struct field');
  });

  it('is looked for only where it may be', () => {
    expect(withNumberTexts('{"a":1,"b":[2,-3],"c":1.5,"d":"x: 1e0, ","e":"\\":1.0,"}')).toBeUndefined();
    expect(JSON.stringify(withNumberTexts('{"a":1e0,"b":[2.0,{"c":"1e0"}]}'))).toBe('{"a":1,"b":[2,{"c":"1e0"}]}');
  });
});
