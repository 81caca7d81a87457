/**
 * Runs in the page before its own code: notes, with the time, each status that a unit or an alert is shown in, and
 * each violation of the content policy. It is sent over as text, so it uses nothing from outside itself.
 */
export function recordBoard() {
  const record = { units: {}, alerts: [], violations: [] };
  window.boardRecord = record;

  const noteUnit = ({ dataset: { unitId, status } }) => {
    if (!unitId || !status) return;
    const history = (record.units[unitId] ??= []);
    if (history.at(-1)?.status !== status) history.push({ status, at: Date.now() });
  };
  const noteAlert = ({ dataset: { alertId, alertStatus } }) => {
    if (alertId && alertStatus) record.alerts.push({ id: alertId, status: alertStatus, at: Date.now() });
  };
  const note = (node) => {
    if (!(node instanceof HTMLElement)) return;
    noteUnit(node);
    noteAlert(node);
    node.querySelectorAll("[data-unit-id]").forEach(noteUnit);
    node.querySelectorAll("[data-alert-id]").forEach(noteAlert);
  };

  new MutationObserver((mutations) => {
    for (const { type, target, addedNodes } of mutations) {
      if (type === "attributes") note(target);
      else addedNodes.forEach(note);
    }
  }).observe(document, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["data-status", "data-alert-status"],
  });
  document.addEventListener("securitypolicyviolation", (event) => {
    record.violations.push(`policy: ${event.violatedDirective} blocked ${event.blockedURI}`);
  });
}
