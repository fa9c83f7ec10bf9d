import type { Ingress, IngressClass } from '../../api/index.ts';
import { as, is } from './attributes.ts';
import type { AdmissionPlugin } from './types.ts';

const isDefault = 'ingressclass.kubernetes.io/is-default-class';

/** An Ingress that names no class gets the default one. Mirrors plugin/pkg/admission/network/defaultingressclass. */
export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  handles: (operation, resource, subresource) => operation === 'CREATE' && !subresource && is(resource, 'networking.k8s.io', 'ingresses'),
  async admit(attributes) {
    const ingress = as<Ingress>(attributes.object);
    // An empty class is a wish, too, as is the annotation of old.
    if (ingress.spec?.ingressClassName !== undefined || ingress.metadata?.annotations?.['kubernetes.io/ingress.class'] !== undefined) return;
    const classes = await attributes.objects.list<IngressClass>({ group: 'networking.k8s.io', version: 'v1', resource: 'ingressclasses' });
    const defaults = classes.filter(({ metadata }) => metadata?.annotations?.[isDefault] === 'true');
    // The newest wins, and of those of one second the first by name.
    defaults.sort((a, b) => Date.parse(b.metadata!.creationTimestamp!) - Date.parse(a.metadata!.creationTimestamp!) || (a.metadata!.name! < b.metadata!.name! ? -1 : 1));
    if (defaults[0]) (ingress.spec ??= {}).ingressClassName = defaults[0].metadata!.name;
  },
};
