import { defineStore } from 'pinia';
import { shallowRef } from 'vue';

export interface Question {
  title: string;
  /** Paragraphs; the first one leads to the items. */
  text: readonly string[];
  /** Named one by one. */
  items?: readonly string[];
  action: string;
  destructive?: boolean;
  /** Asked by itself after something else was meant: the key that is pressed next is not to be taken for a yes. */
  unexpected?: boolean;
  /** A choice to make along with the answer. */
  option?: { label: string; value: boolean };
}

export interface Answer {
  option: boolean;
}

/** Asks before something is done that cannot be undone. */
export const useConfirm = defineStore('confirm', () => {
  const question = shallowRef<Question>();
  let resolve: ((answer: Answer | undefined) => void) | undefined;

  /** Undefined when the user thinks better of it. */
  function ask(next: Question): Promise<Answer | undefined> {
    resolve?.(undefined);
    question.value = next;
    return new Promise((settle) => (resolve = settle));
  }

  /** More that has been found out while the question is open. */
  function amend(more: Partial<Question>): void {
    if (question.value) question.value = { ...question.value, ...more };
  }

  function answer(given: Answer | undefined): void {
    question.value = undefined;
    resolve?.(given);
    resolve = undefined;
  }

  return { question, ask, amend, answer };
});
