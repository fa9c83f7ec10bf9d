import type { KindDetails } from '../types.ts';
import { editAction } from '../edit.ts';

export const details: KindDetails = { actions: [editAction('ResourceQuota')] };
