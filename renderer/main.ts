import { createApp } from 'vue';
import { createPinia } from 'pinia';
import App from './App.vue';
import { openBridge } from './client/bridge.ts';
import { startClient } from './client/index.ts';
import { makeI18n } from './i18n/index.ts';
import { makeRouter } from './router.ts';
import { makeVuetify } from './vuetify.ts';
import 'vuetify/styles/core';
import './styles/base.css';

startClient(openBridge());
createApp(App).use(createPinia()).use(makeI18n()).use(makeVuetify()).use(makeRouter()).mount('#app');
