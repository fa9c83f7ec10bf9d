import { check, type Checked, type Declarations } from './checker.ts';
import { estimateCost, type SizeEstimate } from './estimate.ts';
import { SyntaxFault } from './lexer.ts';
import { literalIssues } from './literals.ts';
import { baseFunctions, baseTypes, mutationFunctions } from './library/index.ts';
import { parse } from './parser.ts';
import { PlanFault, Program } from './program.ts';
import { formatIssues } from './source.ts';
import { dynType, type CelType } from './types.ts';

export interface EnvironmentOptions {
  /** Variables by name, which may have dots: `authorizer.requestResource`. */
  variables: Readonly<Record<string, CelType>>;
  /** Object types that expressions may name, to make or to compare: `Object`, `JSONPatch`. */
  types?: readonly CelType[];
  /** Types of names that cannot be listed; asked before the listed ones are. */
  typeOf?(name: string): CelType | undefined;
  /** Whether `jsonpatch.escapeKey` is there, as in mutating policies. */
  mutation?: boolean;
  /** Whether `cel.bind` is there, as in selectors of devices. */
  bindings?: boolean;
}

/** An expression that compiles. */
export interface Compiled {
  program: Program;
  outputType: CelType;
  /** Whether the expression uses a variable. */
  uses(variable: string): boolean;
  /** The largest cost that an evaluation can have, given what `sizeOf` knows of the data: {@link estimateCost}. */
  estimate(sizeOf?: (path: readonly string[]) => SizeEstimate | undefined): { min: number; max: number };
}

/** How the text begins that says why an expression with the right types cannot run. */
export const instantiationFailed = 'program instantiation failed: ';

/** What expressions are compiled against. Mirrors k8s.io/apiserver/pkg/cel/environment. */
export class Environment {
  readonly #declarations: Declarations;

  constructor(private readonly options: EnvironmentOptions) {
    const variables = new Map(Object.entries(options.variables));
    const types = new Map((options.types ?? []).map((type) => [type.name, type]));
    this.#declarations = {
      functions: options.mutation ? mutationFunctions : baseFunctions,
      variable: (name) => variables.get(name),
      type: (name) => options.typeOf?.(name) ?? types.get(name) ?? baseTypes.get(name),
    };
  }

  /** Compiles; a text says what is wrong, in the words and with the picture that Kubernetes shows. */
  compile(expression: string): Compiled | string {
    let checked: Checked;
    let program: Program;
    try {
      const expr = parse(expression, this.options.bindings);
      const found = check(expr, this.#declarations);
      const issues = found.issues.length ? found.issues : literalIssues(found.checked);
      if (issues.length) return formatIssues(expression, issues);
      checked = found.checked;
      program = new Program(checked, this.#declarations.type);
    } catch (error) {
      if (error instanceof PlanFault) return `${instantiationFailed}${error.message}`;
      if (error instanceof SyntaxFault) return formatIssues(expression, error.issues);
      // A chain of thousands of operators nests as deeply as it is long.
      if (error instanceof RangeError) return formatIssues(expression, [{ at: 0, message: 'expression recursion limit exceeded: 250' }]);
      throw error;
    }
    const references = new Set(checked.references.values());
    return {
      program,
      outputType: checked.types.get(checked.expr.id) ?? dynType,
      uses: (variable) => references.has(variable) || [...references].some((name) => name.startsWith(`${variable}.`)),
      estimate: (sizeOf) => estimateCost(checked, sizeOf),
    };
  }
}
