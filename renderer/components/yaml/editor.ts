import { yaml as yamlLanguage } from '@codemirror/lang-yaml';
import { defaultHighlightStyle, foldEffect, foldable, forceParsing, indentService, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { linter, lintGutter, forceLinting, type Diagnostic } from '@codemirror/lint';
import { unifiedMergeView } from '@codemirror/merge';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { oneDarkHighlightStyle } from '@codemirror/theme-one-dark';
import { indentWithTab } from '@codemirror/commands';
import { keymap } from '@codemirror/view';
import { basicSetup, EditorView } from 'codemirror';
import { parseManifest, type TextFinding } from '../../yaml/parse.ts';
import { indentAfter } from '../../yaml/place.ts';
import { fieldHelp } from './help.ts';

export interface EditorOptions {
  parent: HTMLElement;
  text: string;
  label: string;
  readonly: boolean;
  dark: boolean;
  /** CodeMirror's own English texts → the user's language. */
  phrases: Readonly<Record<string, string>>;
  diagnose(text: string): readonly TextFinding[] | Promise<readonly TextFinding[]>;
  onChange(text: string): void;
  /** The cursor is elsewhere. */
  onCursor(offset: number): void;
}

/** A YAML editor over CodeMirror. */
export interface Editor {
  text(): string;
  setText(text: string): void;
  setReadonly(readonly: boolean): void;
  setDark(dark: boolean): void;
  setOriginal(original: string | undefined): void;
  setServerFindings(findings: readonly TextFinding[]): void;
  fold(keys: readonly string[]): void;
  reveal(offset: number): void;
  focus(): void;
  destroy(): void;
}

const look = EditorView.theme({
  '&': { backgroundColor: 'transparent', color: 'var(--fg)' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--fg-soft)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--hover)' },
  '.cm-cursor': { borderLeftColor: 'var(--fg)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'rgba(var(--v-theme-primary), 0.22) !important' },
  '.cm-tooltip': { backgroundColor: 'var(--surface)', color: 'var(--fg)', border: '1px solid var(--line)', borderRadius: '6px' },
  '.cm-tooltip .cm-completionInfo': { maxHeight: '300px', overflow: 'auto' },
  '.cm-field': { padding: '8px 10px', maxWidth: '440px', maxHeight: '300px', overflow: 'auto', fontFamily: 'var(--font)', fontSize: '12.5px', lineHeight: '1.45' },
  '.cm-field-type': { color: 'var(--fg-soft)' },
  '.cm-field-words': { margin: '4px 0 0', whiteSpace: 'pre-wrap' },
  '.cm-panels': { backgroundColor: 'var(--surface)', color: 'var(--fg)' },
  '.cm-collapsedLines': { color: 'var(--fg-soft)', background: 'var(--hover)', padding: '2px 12px' },
  '.cm-collapsedLines::before, .cm-collapsedLines::after': { content: '"" !important' },
  '.cm-foldPlaceholder': { backgroundColor: 'var(--hover)', color: 'var(--fg-soft)', border: 'none', padding: '0 6px' },
});

const highlighting = (dark: boolean): Extension => [
  syntaxHighlighting(dark ? oneDarkHighlightStyle : defaultHighlightStyle),
  EditorView.theme({}, { dark }),
];

const reading = (readonly: boolean): Extension => [EditorState.readOnly.of(readonly)];

export function makeEditor(options: EditorOptions): Editor {
  const colors = new Compartment();
  const access = new Compartment();
  const merge = new Compartment();
  let serverFindings: readonly TextFinding[] = [];

  const findings = async (view: EditorView): Promise<Diagnostic[]> => {
    const text = view.state.doc.toString();
    const read = parseManifest(text).flatMap((document) => document.findings);
    const all = [...read, ...serverFindings, ...(await options.diagnose(text))];
    return all.map(({ from, to, severity, message }) => ({ from: Math.min(from, text.length), to: Math.min(to, text.length), severity, message }));
  };

  const view: EditorView = new EditorView({
    parent: options.parent,
    doc: options.text,
    extensions: [
      basicSetup,
      keymap.of([indentWithTab]),
      yamlLanguage(),
      indentUnit.of('  '),
      indentService.of((context, at) => indentAfter(context.lineAt(at, -1).text)),
      EditorState.tabSize.of(2),
      EditorState.phrases.of(options.phrases),
      look,
      colors.of(highlighting(options.dark)),
      access.of(reading(options.readonly)),
      merge.of([]),
      fieldHelp(() => view.state.readOnly),
      lintGutter(),
      linter(findings, { delay: 400 }),
      EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: 'false', tabindex: '0' }),
      EditorView.updateListener.of((update) => {
        if (update.selectionSet || update.docChanged) options.onCursor(update.state.selection.main.head);
        if (!update.docChanged) return;
        serverFindings = [];
        options.onChange(update.state.doc.toString());
      }),
    ],
  });

  return {
    text: () => view.state.doc.toString(),
    setText: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    setReadonly: (readonly) => view.dispatch({ effects: access.reconfigure(reading(readonly)) }),
    setDark: (dark) => view.dispatch({ effects: colors.reconfigure(highlighting(dark)) }),
    setOriginal: (original) =>
      view.dispatch({ effects: merge.reconfigure(original === undefined ? [] : unifiedMergeView({ original, mergeControls: false, collapseUnchanged: { margin: 3, minSize: 6 } })) }),
    setServerFindings: (next) => {
      serverFindings = next;
      forceLinting(view);
    },
    fold: (keys) => {
      // A fold needs the whole text to have been read, which the editor otherwise does bit by bit.
      if (keys.length > 0) forceParsing(view, view.state.doc.length, 500);
      const effects = [];
      for (let number = 1; number <= view.state.doc.lines; number++) {
        const line = view.state.doc.line(number);
        const key = /^\s*(?:- )?([\w.-]+):\s*$/.exec(line.text)?.[1];
        if (!key || !keys.includes(key)) continue;
        const range = foldable(view.state, line.from, line.to);
        if (range) effects.push(foldEffect.of(range));
      }
      view.dispatch({ effects });
    },
    reveal: (offset) => {
      const at = Math.min(offset, view.state.doc.length);
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
      view.focus();
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

