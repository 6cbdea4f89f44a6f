// Runs before the first paint, so that a chosen theme never flashes.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("ringside-theme");
  } catch {
    // Storage is forbidden: the system's preference holds.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
