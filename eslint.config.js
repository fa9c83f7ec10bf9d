import vue from 'eslint-plugin-vue';
import a11y from 'eslint-plugin-vuejs-accessibility';
import ts from 'typescript-eslint';
import { walls } from './tools/lint/walls.js';

export default ts.config(
  { ignores: ['out/**', 'release/**', 'node_modules/**', 'main/api/generated/**', 'coverage/**'] },
  ...ts.configs.recommended,
  ...vue.configs['flat/recommended'],
  ...a11y.configs['flat/recommended'],
  { files: ['**/*.vue'], languageOptions: { parserOptions: { parser: ts.parser } } },
  {
    plugins: { skiff: { rules: { walls } } },
    rules: {
      'skiff/walls': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-restricted-globals': ['error', { name: 'structuredClone', message: 'structuredClone is the slowest copy there is; use cloneJson of main/api/json.ts.' }],
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/multi-word-component-names': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/attributes-order': 'off',
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
    },
  },
  {
    // Time and chance are given to a room, never taken: see main/util/clock.ts and main/util/random.ts.
    files: ['main/{store,apiserver,bootstrap,client,scheduler,controllers,cloud,kubelet,proxy,dns}/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Ask the Clock that the room was given.' },
        { object: 'Math', property: 'random', message: 'Ask the Random that the room was given.' },
      ],
    },
  },
);
