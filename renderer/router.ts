import { createRouter, createWebHashHistory, type Router, type RouterHistory } from 'vue-router';

// The review of dropped manifests has a room of its own; without it, manifests open in the plain editor.
const applyScreens = import.meta.glob<{ default: object }>('./views/apply/ApplyView.vue');
const applyScreen = applyScreens['./views/apply/ApplyView.vue'] ?? (() => import('./views/create/CreateYamlView.vue'));

export function makeRouter(history: RouterHistory = createWebHashHistory()): Router {
  return createRouter({
    history,
    routes: [
      { path: '/', name: 'overview', component: () => import('./views/overview/OverviewView.vue') },
      { path: '/k/:resource', name: 'list', component: () => import('./views/list/ListView.vue'), props: true },
      {
        path: '/k/:resource/:namespace/:name',
        name: 'object',
        component: () => import('./views/object/ObjectView.vue'),
        props: true,
      },
      {
        path: '/create/:kind',
        name: 'create',
        component: () => import('./views/create/CreateView.vue'),
        props: (route) => ({ kind: String(route.params.kind) }),
      },
      {
        path: '/edit/:kind/:namespace/:name',
        name: 'edit',
        component: () => import('./views/edit/EditView.vue'),
        props: true,
      },
      { path: '/apply', name: 'apply', component: applyScreen },
      { path: '/forwards', name: 'forwards', component: () => import('./views/forwards/ForwardsView.vue') },
      { path: '/settings', name: 'settings', component: () => import('./views/settings/SettingsView.vue') },
      { path: '/:rest(.*)*', redirect: '/' },
    ],
  });
}
