import { computed, onScopeDispose, ref, shallowRef, watch, type ComputedRef, type Ref } from 'vue';
import { parseApiVersion, resourcePath, type KubeObject } from '../../main/api/meta.ts';
import { causesOf, client, messageOf, UnreachableError, type Resource } from '../client/index.ts';
import { useDiscovery } from '../stores/discovery.ts';
import { parseManifest, type ManifestDocument, type TextFinding } from '../yaml/parse.ts';
import type { FormContext } from './context.ts';
import { read, withField } from './text.ts';

/** What the server said: of which document, of which field. */
interface Finding {
  document: number;
  field: string;
  message: string;
}

export interface ManifestForm {
  text: Ref<string>;
  setText(text: string): void;
  /** The fields of one document of the manifest. */
  document(index: number): FormContext;
  /** The documents as they were when the text could last be read. */
  values: ComputedRef<readonly (KubeObject | undefined)[]>;
  broken: ComputedRef<boolean>;
  /** For the editor: what the server said, at its place in the text. */
  findings: ComputedRef<readonly TextFinding[]>;
  /** What the server said that belongs to no field that is shown. */
  message: Ref<string>;
  busy: Ref<boolean>;
  /** Creates all documents, after the server has agreed to each; resolves with what was made, or undefined when it refused. */
  submit(): Promise<{ resource: Resource; object: KubeObject }[] | undefined>;
}

/** How long (ms) the user must pause before the server is asked. */
const pause = 450;

/** One manifest, edited by fields and as text; the text is the truth. The server validates by dry run as the user goes. */
export function useManifestForm(initial: string): ManifestForm {
  const discovery = useDiscovery();
  const text = ref(initial);
  const documents = computed<ManifestDocument[]>(() => parseManifest(text.value).filter(({ value, findings: found }) => found.length > 0 || (value !== null && value !== undefined)));
  const broken = computed(() => documents.value.some(({ findings: found }) => found.some(({ severity }) => severity === 'error')));
  const lastGood = shallowRef<readonly (KubeObject | undefined)[]>([]);
  const said = shallowRef<readonly Finding[]>([]);
  const touched = ref(new Set<string>());
  const all = ref(false);
  const message = ref('');
  const busy = ref(false);

  watch(
    documents,
    (now) => {
      if (!broken.value) lastGood.value = now.map(({ value }) => (typeof value === 'object' && value !== null ? (value as KubeObject) : undefined));
    },
    { immediate: true },
  );

  function target(object: KubeObject): { resource: Resource; path: string } {
    const { group, version } = parseApiVersion(object.apiVersion ?? '');
    const found = discovery.resources.find((resource) => resource.group === group && resource.kind === object.kind);
    if (!found) throw new Error(`no matches for kind "${object.kind ?? ''}" in version "${object.apiVersion ?? ''}"`);
    const resource = { ...found, version };
    return { resource, path: resourcePath(resource, resource.namespaced ? object.metadata?.namespace || 'default' : undefined) };
  }

  const send = (object: KubeObject, dryRun: boolean) => client().api.create<KubeObject>(target(object).path, object, { strict: true, ...(dryRun ? { dryRun } : {}) });

  /** Asks the server about every document; says what it found, and the first refusal that names no field. */
  async function check(): Promise<{ findings: Finding[]; refusal: string }> {
    const findings: Finding[] = [];
    let refusal = '';
    for (const [index, object] of lastGood.value.entries()) {
      if (!object) continue;
      try {
        await send(object, true);
      } catch (error) {
        const causes = causesOf(error).filter(({ field }) => field);
        for (const cause of causes) findings.push({ document: index, field: cause.field!, message: cause.message ?? '' });
        if (causes.length === 0 && !(error instanceof UnreachableError)) refusal ||= messageOf(error);
      }
    }
    return { findings, refusal };
  }

  let timer: ReturnType<typeof setTimeout> | undefined;
  let round = 0;
  watch(text, () => {
    clearTimeout(timer);
    message.value = '';
    const mine = ++round;
    timer = setTimeout(() => {
      if (broken.value) return;
      void check().then(({ findings, refusal }) => {
        if (mine !== round) return;
        said.value = findings;
        if (all.value) message.value = refusal;
      });
    }, pause);
  });
  onScopeDispose(() => clearTimeout(timer));

  const keyOf = (document: number, field: string) => `${document}:${field}`;
  const shown = (finding: Finding) => all.value || [...touched.value].some((at) => at === keyOf(finding.document, finding.field) || keyOf(finding.document, finding.field).startsWith(`${at}.`) || keyOf(finding.document, finding.field).startsWith(`${at}[`));

  function documentForm(index: number): FormContext {
    const mine = () => said.value.filter((finding) => finding.document === index && shown(finding));
    return {
      broken,
      get: <T>(path: string) => read(lastGood.value[index], path) as T | undefined,
      set(path, value) {
        if (broken.value) return;
        text.value = withField(text.value, index, path, value);
        this.touch(path);
      },
      errors: (path) => mine().filter(({ field }) => field === path).map((finding) => finding.message),
      faulty: (path) => mine().some(({ field }) => field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`)),
      touch(path) {
        touched.value.add(keyOf(index, path));
      },
    };
  }

  async function submit() {
    all.value = true;
    message.value = '';
    if (broken.value) return undefined;
    busy.value = true;
    clearTimeout(timer);
    round++;
    try {
      const { findings, refusal } = await check();
      said.value = findings;
      if (findings.length > 0 || refusal) {
        message.value = refusal;
        return undefined;
      }
      const made: { resource: Resource; object: KubeObject }[] = [];
      for (const object of lastGood.value) if (object) made.push({ resource: target(object).resource, object: await send(object, false) });
      return made;
    } catch (error) {
      message.value = messageOf(error);
      return undefined;
    } finally {
      busy.value = false;
    }
  }

  return {
    text,
    setText: (now) => (text.value = now),
    document: documentForm,
    values: computed(() => lastGood.value),
    broken,
    findings: computed(() => said.value.filter(shown).map((finding) => ({ ...(documents.value[finding.document]?.find(finding.field) ?? { from: 0, to: 0 }), severity: 'error' as const, message: `${finding.field}: ${finding.message}` }))),
    message,
    busy,
    submit,
  };
}
