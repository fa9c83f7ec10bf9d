import type { WebSocket } from 'ws';
import type { Clock } from '../../util/clock.ts';
import type { Answer, Upgrade } from '../call.ts';
import { eventEncoder, type EventEncoder } from '../content/watchEvents.ts';
import type { WatchChange } from '../registry/watching.ts';
import { acceptWebSocket, offeredProtocols } from '../streaming/webSocketChannels.ts';
import { maxWatchBacklog, type Exchange } from './respond.ts';

/**
 * A watch as the messages of a WebSocket, an event each, as clients in Java and in browsers read it; the client's messages
 * are not read. Rejects with a StatusError as long as the connection speaks HTTP.
 * Mirrors k8s.io/apiserver/pkg/endpoints/handlers/watch.go (HandleWS).
 */
export async function watchOverWebSocket(upgrade: Upgrade, { call, watched }: Exchange, answer: Extract<Answer, { type: 'watch' }>, clock: Clock): Promise<void> {
  const encoder = eventEncoder(call, answer.registry, () => clock.now());
  /** Known one after the other, and used by what comes meanwhile. */
  const open: { watch?: { cancel(): void }; socket?: WebSocket } = {};
  let goOn: (() => void) | undefined;
  let ended = false;
  // What comes while the connection is being taken over.
  const early: (string | Uint8Array)[] = [];
  const finish = () => {
    ended = true;
    open.watch?.cancel();
    goOn?.();
  };
  const put = (message: string | Uint8Array) => {
    if (ended) return;
    const { socket } = open;
    if (!socket) return void early.push(message);
    socket.send(message, () => goOn?.());
    if (socket.bufferedAmount <= maxWatchBacklog) return;
    finish();
    socket.terminate();
  };
  const putChanges = (changes: WatchChange[]) => {
    for (const change of changes) {
      const message = messageOf(encoder, encoder.changes([change]));
      watched?.(1, message.length);
      put(message);
    }
  };
  open.watch = await answer.open({
    async initial(changes) {
      for (const change of changes) {
        putChanges([change]);
        while (!ended && (open.socket?.bufferedAmount ?? 0) > maxWatchBacklog / 8) await new Promise<void>((resolve) => (goOn = resolve));
        if (ended) return;
      }
    },
    changes: putChanges,
    bookmark: (object) => put(messageOf(encoder, encoder.other('BOOKMARK', object))),
    end(error) {
      if (error) put(messageOf(encoder, encoder.other('ERROR', error.status)));
      ended = true;
      open.socket?.close(1000);
    },
  });
  // Also where what came was no WebSocket after all.
  call.onGone(finish);
  // Go's library takes the one protocol that a client names, whatever it is.
  const { socket } = await acceptWebSocket(upgrade, offeredProtocols(upgrade).slice(0, 1));
  open.socket = socket;
  socket.on('error', () => socket.terminate());
  for (const message of early) socket.send(message);
  if (ended) socket.close(1000);
}

/** JSON goes as text; protobuf as bytes, without the length that stands before it where nothing else parts the events. */
function messageOf({ contentType }: EventEncoder, bytes: Uint8Array): string | Uint8Array {
  return contentType === 'application/json' ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8') : bytes.subarray(4);
}
