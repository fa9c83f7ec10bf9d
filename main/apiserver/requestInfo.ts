import { badRequest } from '../api/status.ts';
import type { RequestInfo } from './auth/types.ts';
import type { Query } from './query.ts';

const namespaceSubresources = new Set(['status', 'finalize']);
const specialVerbs = new Set(['proxy', 'watch']);

/**
 * What a path and method ask for. Mirrors k8s.io/apiserver/pkg/endpoints/request/requestinfo.go.
 * `path` is percent-encoded and without the query.
 */
export function parseRequestInfo(method: string, path: string, query: Query): RequestInfo {
  const info: RequestInfo = {
    isResourceRequest: false,
    path: decodeSegment(path),
    verb: method.toLowerCase(),
    apiPrefix: '',
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    parts: [],
  };
  const segments = splitPath(path);
  if (segments.length < 3 || (segments[0] !== 'api' && segments[0] !== 'apis')) return info;
  info.apiPrefix = segments[0]!;
  let at = 1;
  if (info.apiPrefix === 'apis') {
    if (segments.length < 4) return info;
    info.group = segments[at++]!;
  }
  info.isResourceRequest = true;
  info.version = segments[at++]!;

  if (specialVerbs.has(segments[at]!)) {
    if (segments.length - at < 2) throw badRequest(`unable to determine kind and namespace from url, ${path}`);
    info.verb = segments[at++]!;
  } else {
    info.verb = verbOf(method);
  }

  if (segments[at] === 'namespaces' && segments.length - at > 1) {
    info.namespace = segments[at + 1]!;
    if (segments.length - at > 2 && !namespaceSubresources.has(segments[at + 2]!)) at += 2;
  }
  const parts = segments.slice(at);
  info.parts = parts;
  info.resource = parts[0] ?? '';
  info.name = parts[1] ?? '';
  if (parts.length >= 3 && !specialVerbs.has(info.verb)) info.subresource = parts[2]!;

  if (info.name === '' && info.verb === 'get') {
    info.verb = query.flag('watch') ? 'watch' : 'list';
    narrow(info, query);
    const selected = /(?:^|,)metadata\.name==?([^,!=]+)(?:,|$)/.exec(info.fieldSelector ?? '');
    if (selected) info.name = selected[1]!;
  }
  if (info.name === '' && info.verb === 'delete') {
    info.verb = 'deletecollection';
    narrow(info, query);
  }
  return info;
}

function narrow(info: RequestInfo, query: Query): void {
  const [fields, labels] = [query.get('fieldSelector'), query.get('labelSelector')];
  if (fields) info.fieldSelector = fields;
  if (labels) info.labelSelector = labels;
}

function verbOf(method: string): string {
  switch (method) {
    case 'POST':
      return 'create';
    case 'GET':
    case 'HEAD':
      return 'get';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return 'delete';
    default:
      return '';
  }
}

function splitPath(path: string): string[] {
  let start = 0;
  let end = path.length;
  while (start < end && path.charCodeAt(start) === 47) start++;
  while (end > start && path.charCodeAt(end - 1) === 47) end--;
  if (start === end) return [];
  // As in Go, an escaped slash parts segments too.
  return decodeSegment(path.slice(start, end)).split('/');
}

function decodeSegment(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest(`invalid URL escape in ${JSON.stringify(text)}`);
  }
}
