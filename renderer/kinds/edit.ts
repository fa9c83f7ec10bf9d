import { mdiPencilOutline } from '@mdi/js';
import { editRoute } from '../routes.ts';
import type { KindAction } from './types.ts';

/** Opens an object in the form of its kind. */
export const editAction = (kind: string): KindAction => ({ id: 'edit', title: 'form.edit', icon: mdiPencilOutline, to: (object) => editRoute(kind, object) });
