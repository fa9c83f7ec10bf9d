import type { ResourceClaimSpec, ResourceClaimTemplateSpec } from '../../api/index.ts';
import { internal, type InternalShape } from './internal.ts';

/* Claims of devices as messages show them: upstream's internal types (pkg/apis/resource/types.go). */

const common: InternalShape = {
  deviceClassName: '',
  selectors: { 'cel=CEL': { expression: '' } },
  allocationMode: '',
  count: 0,
};
const demands: InternalShape = {
  tolerations: { key: '', operator: '', value: '', effect: '', tolerationSeconds: null },
  capacity: { requests: null },
};
const claim: InternalShape = {
  devices: {
    requests: { name: '', exactly: { ...common, adminAccess: null, ...demands }, firstAvailable: { name: '', ...common, ...demands } },
    constraints: { requests: null, matchAttribute: null, distinctAttribute: null },
    config: { requests: null, opaque: { driver: '', parameters: null } },
  },
};

export const shownClaim = (spec: ResourceClaimSpec | undefined): unknown => internal(claim, spec);

/** The template's metadata stands beside its spec there. */
export const shownTemplate = (spec: ResourceClaimTemplateSpec | undefined): unknown => ({ ...spec?.metadata, Spec: internal(claim, spec?.spec) });
