/**
 * Tells this process to end when the shell that npm put between itself and us has ended: a signal to npm ends that
 * shell, which does not hand it on. Only where npm has started us: whoever starts us otherwise may leave us behind.
 */
export function endWithShell(env = process.env) {
  if (process.platform === 'win32' || !env.npm_lifecycle_event) return;
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 200);
  watch.unref();
}
