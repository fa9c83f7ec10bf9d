import { kindScreens } from './index.ts';

/** Kinds in the order in which people make them. */
const wished = ['Deployment', 'ConfigMap', 'Secret', 'PersistentVolume', 'PersistentVolumeClaim', 'Service', 'Namespace'];

/** The kinds that have a form. */
export const creatableKinds = (): string[] => wished.filter((kind) => kindScreens.hasForm(kind));
