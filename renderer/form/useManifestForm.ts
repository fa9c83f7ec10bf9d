import { computed, onScopeDispose, ref, shallowReactive, shallowRef, watch, type ComputedRef, type Ref } from 'vue';
import { equalJson } from '../../main/api/json.ts';
import { resourcePath, type KubeObject } from '../../main/api/meta.ts';
import { client, isConflict, messageOf, UnreachableError, type Resource } from '../client/index.ts';
import { essence, resourceOf } from '../client/manifests.ts';
import { useDiscovery } from '../stores/discovery.ts';
import { parseManifest, type ManifestDocument, type TextFinding } from '../yaml/parse.ts';
import { printManifest } from '../yaml/print.ts';
import { fieldKey, isWithin, type FormContext } from './context.ts';
import { readRefusal } from './refusal.ts';
import { read, withField } from './text.ts';

/** What is wrong: with which document, which field of it. */
export interface FormFinding {
  document: number;
  field: string;
  message: string;
}

export interface Made {
  resource: Resource;
  object: KubeObject;
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
  /** What is wrong with fields that are not on the screen. */
  unplaced: ComputedRef<readonly FormFinding[]>;
  /** How many things are wrong, in all. */
  count: ComputedRef<number>;
  /** Where a finding is in the text. */
  placeOf(finding: FormFinding): { from: number; to: number };
  /** What the server said that belongs to no field at all. */
  message: Ref<string>;
  /** No server answered when it was last asked. */
  unreachable: Ref<boolean>;
  busy: Ref<boolean>;
  /** Whether an object that exists is changed. */
  editing: boolean;
  /** The object has changed on the server in what the user edits: only a reload goes on. */
  stale: Ref<boolean>;
  /** Begins again with the object as the server has it now. */
  reload(): Promise<void>;
  /** Counts the attempts to submit that were refused. */
  refusals: Ref<number>;
  /**
   * Writes all documents, after the server has agreed to each; resolves with what was written, or undefined when it
   * was refused. Documents that were made before a later one failed are changed the next time, not made again.
   */
  submit(): Promise<Made[] | undefined>;
}

/** How long (ms) the user must pause before the server is asked. */
const pause = 450;
/** Controllers write an object's status often: how many times a write follows them. */
const mostRetries = 4;

/** What a user edits of an object that exists: without the server's bookkeeping. */
export function editable(object: KubeObject): KubeObject {
  const { status: _status, ...rest } = essence(object) as KubeObject & { status?: unknown };
  const { uid: _uid, creationTimestamp: _created, selfLink: _link, ...metadata } = { selfLink: undefined, ...rest.metadata };
  return { ...rest, metadata };
}

/**
 * One manifest, edited by fields and as text; the text is the truth. The server validates by dry run as the user goes.
 * With `existing`, that object is changed instead of a new one made.
 */
export function useManifestForm(initial: KubeObject, existing?: KubeObject): ManifestForm {
  const discovery = useDiscovery();
  const base = shallowRef(existing);
  const editing = existing !== undefined;
  const text = ref(printManifest(existing ? editable(existing) : initial));
  const documents = computed<ManifestDocument[]>(() => parseManifest(text.value).filter(({ value, findings: found }) => found.some(({ severity }) => severity === 'error') || (value !== null && value !== undefined)));
  const broken = computed(() => documents.value.some(({ findings: found }) => found.some(({ severity }) => severity === 'error')));
  const lastGood = shallowRef<readonly (KubeObject | undefined)[]>([]);
  const said = shallowRef<readonly FormFinding[]>([]);
  const touched = shallowReactive(new Set<string>());
  const held = shallowReactive(new Map<symbol, { key: string; deep: boolean }>());
  const complaints = shallowReactive(new Map<string, string>());
  const all = ref(false);
  const message = ref('');
  const unreachable = ref(false);
  const busy = ref(false);
  const stale = ref(false);
  const refusals = ref(0);
  const made: Made[] = [];

  watch(
    documents,
    (now) => {
      if (!broken.value) lastGood.value = now.map(({ value }) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as KubeObject) : undefined));
    },
    { immediate: true, flush: 'sync' },
  );

  const namespaceOf = (resource: Resource, object: KubeObject) => (resource.namespaced ? object.metadata?.namespace || 'default' : undefined);
  const isSame = (a: KubeObject, b: KubeObject) =>
    a.apiVersion === b.apiVersion && a.kind === b.kind && a.metadata?.name === b.metadata?.name && (a.metadata?.namespace || 'default') === (b.metadata?.namespace || 'default');
  /** What a document changes; undefined where it makes something new. */
  const baseOf = (index: number, object: KubeObject) => (index === 0 && base.value ? base.value : made.find((each) => isSame(each.object, object))?.object);

  async function send(index: number, object: KubeObject, dryRun: boolean): Promise<Made> {
    const { api } = client();
    const options = { strict: true, ...(dryRun ? { dryRun } : {}) };
    let old = baseOf(index, object);
    if (!old) {
      const resource = resourceOf(discovery.resources, object);
      return { resource, object: await api.create<KubeObject>(resourcePath(resource, namespaceOf(resource, object)), object, options) };
    }
    const resource = resourceOf(discovery.resources, old);
    const path = resourcePath(resource, namespaceOf(resource, old), old.metadata?.name);
    for (let retry = 0; ; retry++) {
      const { resourceVersion, uid } = old.metadata ?? {};
      try {
        return { resource, object: await api.replace<KubeObject>(path, { ...object, metadata: { ...object.metadata, resourceVersion, uid } as KubeObject['metadata'] }, options) };
      } catch (error) {
        if (!isConflict(error)) throw error;
        const latest = await api.get<KubeObject>(path);
        // What controllers keep of it has changed, but nothing that a user edits: the write is meant all the same.
        if (retry >= mostRetries || !equalJson(editable(latest), editable(old)) || latest.metadata?.uid !== uid) throw error;
        old = latest;
        if (index === 0 && base.value) base.value = latest;
      }
    }
  }

  /** Asks the server about every document; says what it found, and what it said of no field. */
  async function check(): Promise<{ findings: FormFinding[]; refusal: string }> {
    const findings: FormFinding[] = [];
    const refused: string[] = [];
    unreachable.value = false;
    for (const [index, object] of lastGood.value.entries()) {
      if (!object) continue;
      try {
        await send(index, object, true);
      } catch (error) {
        if (isConflict(error)) stale.value = true;
        if (error instanceof UnreachableError) unreachable.value = true;
        const refusal = readRefusal(error, object);
        for (const finding of refusal.findings) findings.push({ document: index, ...finding });
        if (refusal.message) refused.push(refusal.message);
      }
    }
    return { findings, refusal: [...new Set(refused)].join('\n') };
  }

  let timer: ReturnType<typeof setTimeout> | undefined;
  let round = 0;
  watch(text, () => {
    clearTimeout(timer);
    message.value = '';
    const mine = ++round;
    timer = setTimeout(() => {
      if (broken.value || stale.value) return;
      void check().then(({ findings, refusal }) => {
        if (mine !== round || unreachable.value) return;
        said.value = findings;
        // What the window has found itself says more than a refusal that names no field.
        if (all.value) message.value = complaints.size > 0 ? '' : refusal;
      });
    }, pause);
  });
  onScopeDispose(() => clearTimeout(timer));

  const keyOf = (finding: FormFinding) => fieldKey(finding.document, finding.field);
  const wrong = computed(() => {
    const shown = [...touched];
    const from = (key: string) => all.value || shown.some((at) => isWithin(key, at));
    const byWindow = [...complaints].filter(([key]) => from(key)).map(([key, text]) => ({ key, finding: { document: Number(key.split('\u0000')[0]), field: key.split('\u0000').slice(1).join('.'), message: text } }));
    const byServer = said.value.map((finding) => ({ key: keyOf(finding), finding })).filter(({ key }) => from(key) && !complaints.has(key));
    return [...byWindow, ...byServer];
  });
  const unplaced = computed(() => {
    const fields = [...held.values()];
    return wrong.value.filter(({ key }) => !fields.some((field) => key === field.key || (field.deep && isWithin(key, field.key)))).map(({ finding }) => finding);
  });

  const desk: FormContext['desk'] = {
    hold(key, deep) {
      const id = Symbol(key);
      held.set(id, { key, deep });
      return () => held.delete(id);
    },
    complain(key, text) {
      if (text) complaints.set(key, text);
      else complaints.delete(key);
    },
  };

  function documentForm(index: number): FormContext {
    const within = (path: string) => {
      const key = fieldKey(index, path);
      return wrong.value.filter((each) => isWithin(each.key, key)).map(({ finding }) => finding);
    };
    return {
      broken,
      editing,
      refusals,
      desk,
      key: (path) => fieldKey(index, path),
      get: <T>(path: string) => read(lastGood.value[index], path) as T | undefined,
      set(path, value, options) {
        if (broken.value) return;
        text.value = withField(text.value, index, path, value, options);
        if (!options?.quiet) touched.add(fieldKey(index, path));
      },
      errors(path) {
        const key = fieldKey(index, path);
        return wrong.value.filter((each) => each.key === key).map(({ finding }) => finding.message);
      },
      errorsWithin: (path) => within(path).map(({ message: text }) => text),
      faulty: (path) => within(path).length > 0,
      touch: (path) => void touched.add(fieldKey(index, path)),
    };
  }

  const refused = () => {
    refusals.value++;
    return undefined;
  };

  async function submit() {
    if (busy.value) return undefined;
    all.value = true;
    message.value = '';
    if (broken.value || complaints.size > 0) return refused();
    busy.value = true;
    clearTimeout(timer);
    round++;
    try {
      const { findings, refusal } = await check();
      said.value = findings;
      message.value = refusal;
      if (findings.length > 0 || refusal) return refused();
      const written: Made[] = [];
      for (const [index, object] of lastGood.value.entries()) {
        if (!object) continue;
        const one = await send(index, object, false);
        written.push(one);
        if (base.value && index === 0) base.value = one.object;
        else made.splice(0, made.length, ...made.filter((each) => !isSame(each.object, one.object)), one);
      }
      return written;
    } catch (error) {
      if (isConflict(error)) stale.value = true;
      unreachable.value = error instanceof UnreachableError;
      message.value = messageOf(error);
      return refused();
    } finally {
      busy.value = false;
    }
  }

  async function reload() {
    if (!base.value) return;
    const resource = resourceOf(discovery.resources, base.value);
    busy.value = true;
    try {
      base.value = await client().api.get<KubeObject>(resourcePath(resource, namespaceOf(resource, base.value), base.value.metadata?.name));
      text.value = printManifest(editable(base.value));
      said.value = [];
      all.value = false;
      touched.clear();
      stale.value = false;
      message.value = '';
    } catch (error) {
      message.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  }

  /** On one line: what is missing altogether is found at what it is missing from, which may be all of a document. */
  function placeOf(finding: FormFinding): { from: number; to: number } {
    const { from, to } = documents.value[finding.document]?.find(finding.field) ?? { from: 0, to: 0 };
    const end = text.value.indexOf('\n', from);
    return { from, to: end < 0 ? to : Math.max(from, Math.min(to, end)) };
  }
  return {
    text,
    setText: (now) => (text.value = now),
    document: documentForm,
    values: computed(() => lastGood.value),
    broken,
    findings: computed(() => wrong.value.map(({ finding }) => ({ ...placeOf(finding), severity: 'error' as const, message: `${finding.field}: ${finding.message}` }))),
    unplaced,
    count: computed(() => wrong.value.length),
    placeOf,
    message,
    unreachable,
    busy,
    editing,
    stale,
    reload,
    refusals,
    submit,
  };
}
