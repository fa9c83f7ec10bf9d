import { createRouter, createWebHashHistory, type Router, type RouterHistory } from 'vue-router';
import { lazy } from './lazy.ts';

// The review of dropped manifests has a room of its own; without it, manifests open in the plain editor.
const applyScreens = import.meta.glob<{ default: object }>('./views/apply/ApplyView.vue');
const applyScreen = applyScreens['./views/apply/ApplyView.vue'] ?? (() => import('./views/create/CreateYamlView.vue'));

export function makeRouter(history: RouterHistory = createWebHashHistory()): Router {
  const router = createRouter({
    history,
    routes: [
      { path: '/', name: 'overview', component: lazy(() => import('./views/overview/OverviewView.vue')) },
      { path: '/k/:resource', name: 'list', component: lazy(() => import('./views/list/ListView.vue')), props: true },
      {
        path: '/k/:resource/:namespace/:name',
        name: 'object',
        component: lazy(() => import('./views/object/ObjectView.vue')),
        props: true,
      },
      {
        path: '/create/:kind',
        name: 'create',
        component: lazy(() => import('./views/create/CreateView.vue')),
        props: (route) => ({ kind: String(route.params.kind) }),
      },
      {
        path: '/edit/:kind/:namespace/:name',
        name: 'edit',
        component: lazy(() => import('./views/edit/EditView.vue')),
        props: true,
      },
      { path: '/apply', name: 'apply', component: lazy(applyScreen) },
      { path: '/forwards', name: 'forwards', component: lazy(() => import('./views/forwards/ForwardsView.vue')) },
      { path: '/settings', name: 'settings', component: lazy(() => import('./views/settings/SettingsView.vue')) },
      { path: '/:rest(.*)*', redirect: '/' },
    ],
  });
  followEarlyChanges(router, history);
  return router;
}

/** The router listens to its history only once its first page is there: where the user went meanwhile it goes then. */
function followEarlyChanges(router: Router, history: RouterHistory): void {
  let early: string | undefined;
  const end = history.listen((to) => (early = to));
  const follow = () => {
    end();
    if (early !== undefined && early !== router.currentRoute.value.fullPath) void router.push(early);
  };
  router.isReady().then(follow, follow);
}
