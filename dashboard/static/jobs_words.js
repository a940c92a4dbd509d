// Times, rates and sizes of jobs in words.

export const percent = (share) => (share === null || share === undefined ? "" : `${share > 0.99 && share < 1 ? 99 : Math.floor(100 * share)} %`);

export function amount(value) {
  for (const [limit, suffix] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (value >= limit) return `${(value / limit).toFixed(value < 10 * limit ? 1 : 0)}${suffix}`;
  }
  return value >= 10 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

export const pace = (rate, unit) => (rate > 0 ? `${amount(rate)} ${unit}/s` : "");

export const bytes = (value) => (value >= 1e9 ? `${(value / 1e9).toFixed(1)} GB` : `${Math.round(value / 1e6)} MB`);

export function duration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.round(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

export const left = (seconds) => (seconds === null || seconds === undefined || !(seconds > 0) ? "" : duration(seconds));

export const lasted = (from, to = "") => (from ? duration(((to ? new Date(to) : new Date()) - new Date(from)) / 1000) : "");

// The day only where it is another one than today. Times are UTC everywhere in the project.
export function clock(instant) {
  if (!instant) return "";
  const [day, time] = new Date(instant).toISOString().slice(0, 16).split("T");
  return day === new Date().toISOString().slice(0, 10) ? `${time} UTC` : `${day} ${time}`;
}
