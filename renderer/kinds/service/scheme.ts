import type { ServicePort } from '../../../main/api/index.ts';

/** What a browser most likely speaks at a port. */
export const schemeOf = ({ port, name, appProtocol }: Pick<ServicePort, 'port' | 'name' | 'appProtocol'>): 'http' | 'https' =>
  port === 443 || port === 8443 || /^https/.test(name ?? '') || appProtocol === 'https' ? 'https' : 'http';
