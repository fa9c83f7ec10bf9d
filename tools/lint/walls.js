import path from 'node:path';

/**
 * The walls between the rooms, as a table of arrows: a room → the rooms whose doors it may enter.
 * `util` and `api` are open to all rooms of main (to every file in them); any other room is entered
 * by its door, which is its `index.ts`, or by one of the extra doors named in `doors`.
 */
export const arrows = {
  'main/util': { to: [], why: 'util holds ideas without a home in Kubernetes; it knows nothing of ours' },
  'main/api': { to: [], why: 'api is pure: what an object is, nothing that runs' },
  'main/store': { to: [], closed: ['main/api'], why: 'the store knows keys and values, no kinds' },
  'main/apiserver': { to: ['main/store'], why: 'the apiserver is the only way to the store and starts nothing else' },
  'main/client': { to: [], why: 'a client speaks to an API server over a Transport that is given to it' },
  'main/bootstrap': { to: ['main/client'], why: 'bootstrap writes what a cluster must hold through a client' },
  'main/scheduler': { to: ['main/client'], why: 'rooms meet through API objects: set nodeName, and the kubelet notices' },
  'main/controllers': { to: ['main/client'], why: 'rooms meet through API objects, never through another controller' },
  'main/cloud': { to: ['main/client'], why: 'the cloud meets the cluster through Node and Service objects; machines are given to it' },
  'main/gateway': { to: ['main/client'], why: 'the edge turns Ingresses and routes into a table; ports and the way into the cluster are given to it' },
  'main/kubelet': { to: ['main/client', 'main/runtime', 'main/node'], why: 'a kubelet knows its API server, its runtime and its node agent' },
  'main/runtime': { to: [], closed: ['main/api'], why: 'the runtime knows sandboxes and containers, no Pod objects' },
  'main/node': { to: ['main/proxy', 'main/networkPolicy', 'main/dns'], why: 'the agent runs the pure models of the proxy, of policies and of DNS inside the node container' },
  'main/proxy': { to: ['main/client'], why: 'the proxy turns Services into a model and hands it to a sink it is given' },
  'main/networkPolicy': { to: ['main/client', 'main/proxy'], why: 'policies become a model for a sink; of the proxy they use how nftables text is made' },
  'main/dns': { to: ['main/client'], why: 'DNS turns Services into records and hands them to a sink it is given' },
  'main/portForward': { to: ['main/client', 'preload'], why: 'forwards follow pods through a client; the way into a pod and the ports of this computer are given to them' },
  'main/bridge': { to: ['preload'], why: 'the bridge speaks to an API server over TLS, as any client does' },
  'main/web': { to: ['main/cluster', 'main/bridge', 'preload'], why: 'a shell knows the cluster by its public type and the window by the contract' },
  'main/desktop': { to: ['main/cluster', 'main/bridge', 'preload'], why: 'a shell knows the cluster by its public type and the window by the contract' },
  preload: { to: ['main/api'], why: 'the contract is types and what they mean; it reaches nothing that runs' },
  renderer: { to: ['preload', 'main/api'], why: 'the window is one more API client: it goes through renderer/client and the contract' },
};

/** Files of a room, besides its index.ts, that other rooms may import. */
export const doors = {
  'main/networkPolicy': ['main/proxy/dataplane/index.ts'],
  'main/node': ['main/proxy/model.ts', 'main/proxy/dataplane/index.ts', 'main/networkPolicy/model.ts', 'main/networkPolicy/dataplane/index.ts', 'main/dns/records.ts', 'main/dns/server.ts', 'main/dns/ask.ts'],
  preload: ['main/api'],
  renderer: ['preload/contract.ts', 'preload/links.ts', 'main/api'],
  'main/portForward': ['preload/contract.ts'],
  'main/bridge': ['preload/contract.ts'],
  'main/web': ['preload/contract.ts'],
  'main/desktop': ['preload/contract.ts', 'preload/channels.ts', 'preload/links.ts'],
};

const open = ['main/util', 'main/api'];

function roomOf(file) {
  const rooms = Object.keys(arrows).sort((a, b) => b.length - a.length);
  return rooms.find((room) => file === `${room}.ts` || file.startsWith(`${room}/`));
}

/** @type {import('eslint').Rule.RuleModule} */
export const walls = {
  meta: { type: 'problem', docs: { description: 'A room is entered by its door, along an arrow of the table.' }, schema: [] },
  create(context) {
    const root = context.cwd;
    const from = path.relative(root, context.filename).replaceAll('\\', '/');
    const fromRoom = roomOf(from);
    function check(node, source) {
      if (!source) return;
      if (source.value === 'electron' && !from.startsWith('main/desktop/') && from !== 'main/index.ts' && !from.startsWith('preload/') && !from.startsWith('tests/'))
        context.report({ node, message: 'Only main/desktop imports electron: the engine runs in plain Node.' });
      if (source.value === 'dockerode' && !from.startsWith('main/runtime/docker/') && !from.startsWith('tests/'))
        context.report({ node, message: 'Only main/runtime/docker imports dockerode: use the Runtime and Machines interfaces of main/runtime.' });
      if (!fromRoom || !String(source.value).startsWith('.')) return;
      const to = path.relative(root, path.resolve(path.dirname(context.filename), source.value)).replaceAll('\\', '/');
      const toRoom = roomOf(to);
      if (toRoom === fromRoom) return;
      const rule = arrows[fromRoom];
      if (to.startsWith('main/') && !toRoom && to !== 'main/cluster.ts') return;
      if (to === 'main/cluster.ts' ? rule.to.includes('main/cluster') : false) return;
      if (toRoom && open.includes(toRoom) && fromRoom.startsWith('main/') && !(rule.closed ?? []).includes(toRoom)) {
        if (fromRoom === 'main/util' || (fromRoom === 'main/api' && toRoom !== 'main/util'))
          context.report({ node, message: `${fromRoom} may not import ${toRoom}: ${rule.why}.` });
        return;
      }
      if (!toRoom || !rule.to.includes(toRoom)) {
        if (!toRoom && !to.startsWith('main/')) return;
        context.report({ node, message: `${fromRoom} may not import ${toRoom ?? to}: ${rule.why}.` });
        return;
      }
      const extra = doors[fromRoom] ?? [];
      if (to !== `${toRoom}/index.ts` && !extra.some((door) => to === door || to.startsWith(`${door}/`)))
        context.report({ node, message: `Enter ${toRoom} by its door, ${toRoom}/index.ts, not by ${to}.` });
    }
    return {
      ImportDeclaration: (node) => check(node, node.source),
      ExportNamedDeclaration: (node) => check(node, node.source),
      ExportAllDeclaration: (node) => check(node, node.source),
      ImportExpression: (node) => node.source.type === 'Literal' && check(node, node.source),
    };
  },
};
