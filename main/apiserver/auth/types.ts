/** Who makes a request (upstream: k8s.io/apiserver/pkg/authentication/user). */
export interface UserInfo {
  name: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

/** What a request asks for (upstream: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go). */
export interface RequestInfo {
  isResourceRequest: boolean;
  path: string;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, `proxy`; the lower-case method for other paths. */
  verb: string;
  apiPrefix: string;
  group: string;
  version: string;
  namespace: string;
  /** The plural. */
  resource: string;
  subresource: string;
  name: string;
  /** Path segments from the resource on. */
  parts: string[];
  /** Of lists, watches and deletions of collections: what they are narrowed to, as the client wrote it. */
  fieldSelector?: string;
  labelSelector?: string;
}

/** Gives undefined for "not mine, ask the next"; throws a StatusError, or rejects with one, to end the request. */
export interface Authenticator {
  authenticate(request: Credentials): Promise<UserInfo | undefined> | UserInfo | undefined;
}

export interface Credentials {
  authorization?: string;
  /** The verified client certificate's subject and SHA-256 fingerprint, when one was presented and our CA signed it. */
  certificate?: { commonName: string; organizations: string[]; /** Milliseconds since the epoch. */ ends?: number };
  /** Takes an annotation for the audit log. */
  note?(key: string, value: string): void;
}

export type Decision = { allowed: true; reason: string } | { allowed: false; denied?: boolean; reason: string };

export interface Authorizer {
  authorize(user: UserInfo, info: RequestInfo): Promise<Decision> | Decision;
}
