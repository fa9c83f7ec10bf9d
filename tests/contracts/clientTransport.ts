import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConfigMap, Status } from '../../main/api/index.ts';
import type { KubeObject } from '../../main/api/meta.ts';
import { isAlreadyExists, isConflict, isNotFound, StatusError } from '../../main/api/status.ts';
import type { Transport } from '../../main/client/index.ts';

export interface TransportUnderTest {
  transport: Transport;
  close(): Promise<void>;
}

type Seen = { type: string; name: string; revision: number };

/** What every way to an API server promises. `collection` holds ConfigMaps, or anything with labels. */
export function transportContract(
  name: string,
  collection: string,
  kind: string,
  open: () => Promise<TransportUnderTest>,
): void {
  describe(`the transport ${name}`, () => {
    let opened: TransportUnderTest;
    let transport: Transport;
    beforeEach(async () => {
      opened = await open();
      transport = opened.transport;
    });
    afterEach(() => opened.close());

    const object = (objectName: string, extra: Partial<ConfigMap['metadata']> = {}) => ({
      apiVersion: 'v1',
      kind,
      metadata: { name: objectName, ...extra },
    });
    const create = async (objectName: string, labels?: Record<string, string>) =>
      (await transport.request<KubeObject>({ method: 'POST', path: collection, body: object(objectName, { labels }) }))
        .body;
    const label = (objectName: string, value: string) =>
      transport.request<KubeObject>({
        method: 'PATCH',
        path: `${collection}/${objectName}`,
        contentType: 'application/merge-patch+json',
        body: { metadata: { labels: { v: value } } },
      });
    const failing = async (request: Parameters<Transport['request']>[0]): Promise<StatusError> => {
      const error: unknown = await transport.request(request).then(
        () => undefined,
        (e: unknown) => e,
      );
      expect(error).toBeInstanceOf(StatusError);
      return error as StatusError;
    };

    /** Collects events until `count` have come. */
    function watching(query: Record<string, string | number> = {}) {
      const seen: Seen[] = [];
      const waiting: { count: number; resolve: () => void }[] = [];
      let ends = 0;
      let reportEnd: (error?: Error) => void;
      const ended = new Promise<Error | undefined>((resolve) => (reportEnd = resolve));
      const { cancel } = transport.watch(
        { method: 'GET', path: collection, query: { watch: true, ...query } },
        {
          onEvent({ type, object: it }) {
            const { metadata } = it as KubeObject;
            seen.push({ type, name: metadata!.name!, revision: Number(metadata!.resourceVersion) });
            for (const { count, resolve } of waiting) if (seen.length >= count) resolve();
          },
          onEnd(error) {
            ends++;
            reportEnd(error);
          },
        },
      );
      const until = (count: number) =>
        seen.length >= count ? Promise.resolve() : new Promise<void>((resolve) => waiting.push({ count, resolve }));
      return { seen, until, ended, cancel, ends: () => ends };
    }

    it('creates, reads, changes, lists and deletes', async () => {
      const created = await create('a', { app: 'x' });
      expect(created.metadata).toMatchObject({ name: 'a', uid: expect.any(String) as string });
      await label('a', '2');
      const { body } = await transport.request<KubeObject>({ method: 'GET', path: `${collection}/a` });
      expect(body.metadata!.labels).toEqual({ app: 'x', v: '2' });
      await create('b');
      const query = { labelSelector: 'app=x' };
      const list = await transport.request<{ items: KubeObject[] }>({ method: 'GET', path: collection, query });
      expect(list.body.items.map((item) => item.metadata!.name)).toEqual(['a']);
      await transport.request({ method: 'DELETE', path: `${collection}/a` });
      expect(isNotFound(await failing({ method: 'GET', path: `${collection}/a` }))).toBe(true);
    });

    it('rejects with the Status that the server gave', async () => {
      const created = await create('a');
      expect(isAlreadyExists(await failing({ method: 'POST', path: collection, body: object('a') }))).toBe(true);
      await label('a', '1');
      const stale = object('a', { resourceVersion: created.metadata!.resourceVersion, uid: created.metadata!.uid });
      const conflict = await failing({ method: 'PUT', path: `${collection}/a`, body: stale });
      expect(isConflict(conflict)).toBe(true);
      expect(conflict.status).toMatchObject({ kind: 'Status', status: 'Failure', code: 409 } satisfies Partial<Status>);
    });

    it('shows every change in its order, from the revision that was asked for', async () => {
      const first = await create('a');
      await create('b');
      const watch = watching({ resourceVersion: first.metadata!.resourceVersion! });
      await watch.until(1);
      await label('a', '1');
      await transport.request({ method: 'DELETE', path: `${collection}/b` });
      await watch.until(3);
      expect(watch.seen.map(({ type, name: who }) => `${type} ${who}`)).toEqual(['ADDED b', 'MODIFIED a', 'DELETED b']);
      expect(watch.seen.map((event) => event.revision)).toEqual(
        watch.seen.map((event) => event.revision).toSorted((x, y) => x - y),
      );
      watch.cancel();
    });

    it('begins a watch without a revision with everything there is', async () => {
      await create('a');
      const watch = watching();
      await watch.until(1);
      expect(watch.seen[0]).toMatchObject({ type: 'ADDED', name: 'a' });
      watch.cancel();
    });

    it('shows an object that comes to match as new, and one that ceases to as gone', async () => {
      const { metadata } = await create('a', { v: '1' });
      const watch = watching({ resourceVersion: metadata!.resourceVersion!, labelSelector: 'v=2' });
      await label('a', '2');
      await label('a', '3');
      await watch.until(2);
      expect(watch.seen.map((event) => event.type)).toEqual(['ADDED', 'DELETED']);
      watch.cancel();
    });

    it('shows nothing more once a watch is cancelled', async () => {
      const { metadata } = await create('a');
      const watch = watching({ resourceVersion: metadata!.resourceVersion! });
      await label('a', '1');
      await watch.until(1);
      watch.cancel();
      watch.cancel();
      await label('a', '2');
      const after = watching({ resourceVersion: metadata!.resourceVersion! });
      await after.until(2);
      after.cancel();
      expect(watch.seen).toHaveLength(1);
      expect(watch.ends()).toBeLessThanOrEqual(1);
    });
  });
}
