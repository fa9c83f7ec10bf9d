import { onScopeDispose, shallowRef, watchEffect } from 'vue';
import { useI18n } from 'vue-i18n';
import { useLocale, useTheme } from 'vuetify';
import { languageOf, tagOf, type Language } from '../i18n/index.ts';
import { useSettings } from '../stores/settings.ts';

/** Theme and language, as chosen or as the browser has them (in Electron these are the system's). */
export function useAppearance(): void {
  const settings = useSettings();
  const theme = useTheme();
  const vuetifyLocale = useLocale();
  const { locale } = useI18n();

  const media = window.matchMedia('(prefers-color-scheme: dark)');
  const systemDark = shallowRef(media.matches);
  const onChange = () => (systemDark.value = media.matches);
  media.addEventListener('change', onChange);
  onScopeDispose(() => media.removeEventListener('change', onChange));

  watchEffect(() => {
    const dark = settings.theme === 'system' ? systemDark.value : settings.theme === 'dark';
    theme.change(dark ? 'dark' : 'light');
    document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
  });
  watchEffect(() => {
    const language: Language = settings.language === 'system' ? languageOf(navigator.language) : settings.language;
    locale.value = language;
    vuetifyLocale.current.value = language;
    document.documentElement.lang = tagOf[language];
  });
}
