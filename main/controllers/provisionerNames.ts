import { migratedDrivers } from '../api/csiMigration.ts';
import type { StorageClass } from '../api/index.ts';

/** What provisioners inside Kubernetes itself were called; none is left. */
export const builtInPrefix = 'kubernetes.io/';

/** Who is to make the volumes of a class. */
export const provisionerOf = ({ provisioner }: StorageClass): string => migratedDrivers[provisioner] ?? provisioner;
