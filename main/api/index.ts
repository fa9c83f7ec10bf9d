/** The types of every Kubernetes API object; the helpers live in this folder's files, a subject each. */
export type * from './generated/types.ts';
