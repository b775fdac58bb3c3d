// Runs before the first paint, lest a dark page flash white.
{
  let theme = null;
  try {
    theme = localStorage.getItem("driftlog.theme");
  } catch {
    // No storage: the system's theme.
  }
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
}
