import { createVuetify } from 'vuetify';
import { VAlert } from 'vuetify/components/VAlert';
import { VApp } from 'vuetify/components/VApp';
import { VAutocomplete } from 'vuetify/components/VAutocomplete';
import { VBtn } from 'vuetify/components/VBtn';
import { VBtnToggle } from 'vuetify/components/VBtnToggle';
import { VCard, VCardActions, VCardText, VCardTitle } from 'vuetify/components/VCard';
import { VCheckbox, VCheckboxBtn } from 'vuetify/components/VCheckbox';
import { VCombobox } from 'vuetify/components/VCombobox';
import { VDialog } from 'vuetify/components/VDialog';
import { VDivider } from 'vuetify/components/VDivider';
import { VExpansionPanel, VExpansionPanels, VExpansionPanelText, VExpansionPanelTitle } from 'vuetify/components/VExpansionPanel';
import { VIcon } from 'vuetify/components/VIcon';
import { VList, VListItem, VListItemTitle, VListSubheader } from 'vuetify/components/VList';
import { VMenu } from 'vuetify/components/VMenu';
import { VProgressCircular } from 'vuetify/components/VProgressCircular';
import { VProgressLinear } from 'vuetify/components/VProgressLinear';
import { VRadio } from 'vuetify/components/VRadio';
import { VRadioGroup } from 'vuetify/components/VRadioGroup';
import { VSelect } from 'vuetify/components/VSelect';
import { VSwitch } from 'vuetify/components/VSwitch';
import { VTab, VTabs } from 'vuetify/components/VTabs';
import { VTextarea } from 'vuetify/components/VTextarea';
import { VTextField } from 'vuetify/components/VTextField';
import { VTooltip } from 'vuetify/components/VTooltip';
import { aliases, mdi } from 'vuetify/iconsets/mdi-svg';
import en from 'vuetify/lib/locale/en.js';
import zhHans from 'vuetify/lib/locale/zh-Hans.js';

const field = { variant: 'outlined', density: 'compact', hideDetails: 'auto', color: 'primary' } as const;

export const makeVuetify = () =>
  createVuetify({
    components: {
      VAlert, VApp, VAutocomplete, VBtn, VBtnToggle, VCard, VCardActions, VCardText, VCardTitle, VCheckbox, VCheckboxBtn,
      VCombobox, VDialog, VDivider, VExpansionPanel, VExpansionPanels, VExpansionPanelText, VExpansionPanelTitle, VIcon,
      VList, VListItem, VListItemTitle, VListSubheader, VMenu, VProgressCircular, VProgressLinear, VRadio, VRadioGroup,
      VSelect, VSwitch, VTab, VTabs, VTextarea, VTextField, VTooltip,
    },
    icons: { defaultSet: 'mdi', aliases, sets: { mdi } },
    locale: { locale: 'en', fallback: 'en', messages: { en, zh: zhHans } },
    defaults: {
      VBtn: { variant: 'text', ripple: false },
      VTextField: field,
      VTextarea: field,
      VSelect: field,
      VAutocomplete: field,
      VCombobox: field,
      VCheckbox: { density: 'compact', hideDetails: 'auto', color: 'primary' },
      VSwitch: { density: 'compact', hideDetails: 'auto', color: 'primary' },
      VTabs: { density: 'compact', color: 'primary' },
      VList: { density: 'compact', nav: true },
      VMenu: { transition: false },
      VDialog: { maxWidth: 560, transition: 'fade-transition' },
      VTooltip: { openDelay: 400, transition: false },
    },
    theme: {
      defaultTheme: 'light',
      themes: {
        light: {
          colors: {
            background: '#f6f7f9',
            surface: '#ffffff',
            'surface-variant': '#343c46',
            'on-surface-variant': '#f2f4f6',
            primary: '#0b6478',
            'on-primary': '#ffffff',
            secondary: '#5b6673',
            error: '#b3261e',
            info: '#2561a8',
            success: '#1c7a43',
            warning: '#8f5a00',
          },
          variables: { 'border-color': '#0d1a26', 'border-opacity': 0.12, 'medium-emphasis-opacity': 0.7 },
        },
        dark: {
          colors: {
            background: '#12161b',
            surface: '#1a1f26',
            'surface-variant': '#d5dbe1',
            'on-surface-variant': '#14181d',
            primary: '#6fc7da',
            'on-primary': '#06262e',
            secondary: '#9aa7b5',
            error: '#ff9d94',
            info: '#8fbcf5',
            success: '#74d39b',
            warning: '#f2bd5c',
          },
          variables: { 'border-color': '#e3ecf5', 'border-opacity': 0.13, 'high-emphasis-opacity': 0.92, 'medium-emphasis-opacity': 0.68 },
        },
      },
    },
  });
