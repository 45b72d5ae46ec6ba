// Keeps the ages on a page true. The words have the same rules as web/src/parts/time.rs.
const root = document.documentElement;
const offset = Number(root.dataset.now ?? Date.now()) - Date.now();

const age = (ms, now) => {
  const seconds = Math.floor(Math.abs(ms - now) / 1000);
  const distance =
    seconds < 60 ? `${seconds} s`
    : seconds < 3600 ? `${Math.floor(seconds / 60)} min`
    : seconds < 172800 ? `${Math.floor(seconds / 3600)} h`
    : seconds < 5184000 ? `${Math.floor(seconds / 86400)} d`
    : `${Math.floor(seconds / 2592000)} months`;
  return ms > now && seconds > 0 ? `in ${distance}` : `${distance} ago`;
};

const tick = () => {
  // The clock of the server counts: that of this machine may be wrong.
  const now = Date.now() + offset;
  for (const time of document.querySelectorAll("time[data-ms]")) {
    const words = age(Number(time.dataset.ms), now);
    if (time.textContent !== words) time.textContent = words;
  }
};

tick();
setInterval(tick, 10000);
document.addEventListener("console:replaced", tick);
