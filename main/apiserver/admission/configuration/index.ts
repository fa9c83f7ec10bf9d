import { goQuote } from '../../../util/goQuote.ts';
import { InvalidConfiguration, podSecurityConfiguration, readPodSecurity, type PodSecurityConfiguration } from '../podSecurity/configuration.ts';
import { noCredentials, readWebhookCredentials, type WebhookCredentials } from '../webhooks/credentials.ts';
import { readQuotaConfiguration, type LimitedResource } from './quota.ts';
import { any, fileKind, listOf, objectOf, readFileOf, structure, text } from './read.ts';

/** What a cluster's administrator has set for the plugins of this server. */
export interface AdmissionConfiguration {
  /** What nobody may use without a quota for it. */
  limitedResources: readonly LimitedResource[];
  podSecurity: PodSecurityConfiguration;
  mutatingWebhooks: WebhookCredentials;
  validatingWebhooks: WebhookCredentials;
}

export const defaultAdmissionConfiguration: AdmissionConfiguration = {
  limitedResources: [],
  podSecurity: podSecurityConfiguration({}),
  mutatingWebhooks: noCredentials,
  validatingWebhooks: noCredentials,
};

interface PluginConfiguration {
  name?: string;
  path?: string;
  configuration?: unknown;
}

const plugin = structure('AdmissionPluginConfiguration', { name: text, path: text, configuration: any });
const kind = fileKind(
  ['apiserver.config.k8s.io/v1 AdmissionConfiguration', 'apiserver.k8s.io/v1alpha1 AdmissionConfiguration'],
  'pkg/server/options/admission.go:51',
  'AdmissionConfiguration',
  { plugins: listOf(objectOf(plugin)) },
);

/** The content of a file; a path that is not absolute is seen from the folder of the configuration. Rejects where there is none. */
export type ReadFile = (path: string) => Promise<string>;

/**
 * Reads an AdmissionConfiguration and the files that it names. As upstream, it asks nothing of what it says about plugins that this
 * server does not run. Rejects with an Error that says what is wrong.
 * Mirrors k8s.io/apiserver/pkg/admission/config.go and each plugin's LoadConfiguration.
 */
export async function readAdmissionConfiguration(content: string, readFile: ReadFile): Promise<AdmissionConfiguration> {
  const { plugins = [] } = read('failed to read plugin config', () => readFileOf(kind, content)) as { plugins?: PluginConfiguration[] };
  const set = async <T>(name: string, load: (content: string) => T | Promise<T>, unset: T): Promise<T> => {
    const found = plugins.find((each) => each.name === name);
    const given = found && (await contentOf(found, readFile));
    if (given === undefined) return unset;
    try {
      return await load(given);
    } catch (error) {
      const what = error instanceof InvalidConfiguration ? 'failed to initialize' : "couldn't init";
      throw new Error(`${what} admission plugin ${goQuote(name)}: ${(error as Error).message}`, { cause: error });
    }
  };
  const unset = defaultAdmissionConfiguration;
  return {
    podSecurity: await set('PodSecurity', readPodSecurity, unset.podSecurity),
    mutatingWebhooks: await set('MutatingAdmissionWebhook', (given) => readWebhookCredentials(given, readFile), unset.mutatingWebhooks),
    validatingWebhooks: await set('ValidatingAdmissionWebhook', (given) => readWebhookCredentials(given, readFile), unset.validatingWebhooks),
    limitedResources: await set('ResourceQuota', readQuotaConfiguration, unset.limitedResources),
  };
}

function read<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** What stands in the file itself goes before what it points at. */
async function contentOf({ configuration, path }: PluginConfiguration, readFile: ReadFile): Promise<string | undefined> {
  if (configuration !== undefined) return JSON.stringify(configuration);
  if (!path) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`Couldn't open admission plugin configuration ${path}: ${(error as Error).message}`, { cause: error });
  }
}
