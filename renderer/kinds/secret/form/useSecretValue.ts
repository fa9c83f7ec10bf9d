import { computed, type WritableComputedRef } from 'vue';
import { textOfBase64 } from '../../../form/base64.ts';
import { useForm } from '../../../form/context.ts';
import { useField } from '../../../form/useField.ts';

/** One key of a Secret, as text. The server speaks of it as `data[key]`, and has it there as base64. */
export function useSecretValue(key: () => string) {
  const form = useForm();
  const plain = () => `stringData[${key()}]`;
  const encoded = () => `data[${key()}]`;
  const { errors } = useField(encoded, { also: () => [plain()] });
  const stored = computed(() => {
    const text = form.get(plain());
    return text !== undefined && text !== null ? String(text) : textOfBase64(form.get(encoded()));
  });
  const value: WritableComputedRef<string> = computed({
    get: () => stored.value ?? '',
    set(text) {
      if (text === stored.value) return;
      form.set(encoded(), undefined);
      form.set(plain(), text === '' ? undefined : text);
      form.touch(encoded());
    },
  });
  return { value, errors, path: plain };
}
