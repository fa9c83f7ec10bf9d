/** What a kernel holds after a batch; throws where the kernel would refuse it. */
export class Kernel {
  readonly chains = new Map<string, string[]>();
  readonly maps = new Map<string, Map<string, string>>();
  readonly sets = new Map<string, string>();

  apply(text: string): this {
    for (const line of text.split('\n').filter(Boolean)) this.#command(line);
    const targets = [...this.chains.values()]
      .flat()
      .concat([...this.maps.values()].flatMap((elements) => [...elements.values()]));
    for (const target of targets)
      for (const [, name] of target.matchAll(/(?:goto|jump) ([^ ,}]+)/g))
        if (!this.chains.has(name!)) throw new Error(`no chain ${name}`);
    for (const rule of [...this.chains.values()].flat())
      for (const [, name] of rule.matchAll(/@([^ ]+)/g))
        if (!this.sets.has(name!) && !this.maps.has(name!)) throw new Error(`no set ${name}`);
    return this;
  }

  #command(line: string): void {
    const [verb, what, , , name = '', ...rest] = line.split(' ');
    const must = (condition: boolean) => {
      if (!condition) throw new Error(`refused: ${line}`);
    };
    const elements = () => {
      const found = this.maps.get(name);
      must(found !== undefined);
      return found!;
    };
    const body = () =>
      rest
        .join(' ')
        .replace(/^\{ | \}$/g, '')
        .split(', ')
        .map((element) => element.split(' : ') as [string, string?]);
    switch (`${verb} ${what}`) {
      case 'add table':
        return;
      case 'delete table':
        for (const all of [this.chains, this.maps, this.sets]) all.clear();
        return;
      case 'add chain':
        if (!this.chains.has(name)) this.chains.set(name, []);
        return;
      case 'flush chain':
        must(this.chains.has(name));
        this.chains.set(name, []);
        return;
      case 'delete chain':
        must(this.chains.get(name)?.length === 0);
        this.chains.delete(name);
        return;
      case 'add rule':
        must(this.chains.has(name));
        this.chains.get(name)!.push(rest.join(' '));
        return;
      case 'add map':
        this.maps.set(name, new Map());
        return;
      case 'add set':
        if (rest.join(' ').includes('dynamic')) this.sets.set(name, rest.join(' '));
        else this.maps.set(name, new Map());
        return;
      case 'delete map':
      case 'delete set':
        must(this.sets.delete(name) || this.maps.delete(name));
        must(![...this.chains.values()].flat().some((rule) => rule.includes(`@${name} `)));
        return;
      case 'add element':
        for (const [key, value = ''] of body()) {
          must(!elements().has(key));
          elements().set(key, value);
        }
        return;
      case 'delete element':
        for (const [key] of body()) must(elements().delete(key));
        return;
      default:
        throw new Error(`unknown: ${line}`);
    }
  }

  state() {
    const sorted = <V>(map: Map<string, V>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      chains: sorted(this.chains),
      maps: sorted(this.maps).map(([name, elements]) => [name, sorted(elements)]),
      sets: sorted(this.sets),
    };
  }
}
