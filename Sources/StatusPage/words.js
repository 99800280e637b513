// Every word of the page, in the two languages that it speaks. What canary itself writes (reasons, details) stays as it is.
const en = {
  title: "canary", skip: "Skip to the service", find: "Find a service", services: "Services", none: "No service has that name.",
  empty: "No service yet. Give the config one, then: canary apply", choose: "Choose a service.",
  gone: "There is no such service.", loading: "Reading …",
  counts: (all, running, attention) => `${all} services · ${running} rolling out${attention ? ` · ${attention} need a look` : ""}`,
  live: "live", still: (time) => `as of ${time}; no controller is running`, stale: (age) => `not written for ${age}: is canary running?`, lost: "cannot be reached; trying again",
  phase: { idle: "idle", scheduled: "scheduled", starting: "starting", soaking: "soaking", paused: "paused",
    awaiting_approval: "awaiting approval", reverting: "reverting", reverted: "reverted", promoted: "promoted" },
  verdict: { pass: "pass", pending: "pending", inconclusive: "inconclusive", error: "error", fail: "fail" },
  result: { promoted: "promoted", reverted: "reverted", stopped: "stopped", running: "running" },
  brake: "Brake on", braked: (since, who, why) => `Every new request goes to stable since ${since} (${who}): ${why}`,
  frozen: "Frozen", undriven: "No driver", undrivenHow: "No process drives this rollout. Go on: canary controller · go back: canary revert",
  approval: (name) => `Let it go on: canary approve ${name} · send it back: canary reject ${name}`,
  canary: "canary", stable: "stable", release: "release", rollout: "rollout", started: "started", by: "by", generation: "generation",
  share: (weight, to, rest, from) => `${weight} % of the requests on ${to}, ${rest} % on ${from}`,
  stages: "Stages", left: (time) => `${time} left`, soaked: "soaked", passed: "passed", now: "now", broken: "broken off", coming: "to come",
  checks: "Checks", check: "check", value: "now", bound: "bound", recent: "last minutes", detail: "measured", advisory: "advisory",
  charts: "Traffic", weight: "Weight of the canary", weight_: "weight", errors: "Failed tries", latency: "Latency", requests: "Requests a second",
  noRequests: "no requests", most: (name, value) => `${name}: at most ${value}`, quantile: "Quantile", mark: "event",
  events: "What happened", time: "time", event: "event", who: "who", what: "what",
  history: "Rollouts", result_: "result", way: "from → to", report: "report", why: "why", took: "took", noHistory: "No rollout yet.",
  // What canary says is English already.
  sentence: (data) => data.sentence,
  changed: (name, phase) => `${name}: ${phase}`, back: "All services",
};
const zh = {
  title: "canary 灰度发布", skip: "跳到服务详情", find: "查找服务", services: "服务", none: "没有符合的服务。",
  empty: "还没有服务。请先在配置中添加，然后执行：canary apply", choose: "请选择一个服务。",
  gone: "没有这个服务。", loading: "读取中……",
  counts: (all, running, attention) => `共 ${all} 个服务 · ${running} 个正在发布${attention ? ` · ${attention} 个需要关注` : ""}`,
  live: "实时", still: (time) => `截至 ${time}；没有控制器在运行`, stale: (age) => `已有 ${age} 未更新：canary 还在运行吗？`, lost: "无法连接，正在重试",
  phase: { idle: "空闲", scheduled: "已排期", starting: "启动中", soaking: "观察中", paused: "已暂停",
    awaiting_approval: "等待审批", reverting: "回滚中", reverted: "已回滚", promoted: "已发布" },
  verdict: { pass: "通过", pending: "待定", inconclusive: "数据不足", error: "出错", fail: "失败" },
  result: { promoted: "已发布", reverted: "已回滚", stopped: "被人工停止", running: "进行中" },
  brake: "已刹车", braked: (since, who, why) => `自 ${since} 起，所有新请求都走稳定版（${who}）：${why}`,
  frozen: "已冻结", undriven: "无人驱动", undrivenHow: "没有进程驱动这次发布。继续：canary controller · 回滚：canary revert",
  approval: (name) => `批准：canary approve ${name} · 驳回：canary reject ${name}`,
  canary: "灰度", stable: "稳定", release: "版本", rollout: "发布", started: "开始于", by: "发起人", generation: "配置代次",
  share: (weight, to, rest, from) => `${weight}% 的请求走 ${to}，${rest}% 走 ${from}`,
  stages: "阶段", left: (time) => `剩余 ${time}`, soaked: "观察期满", passed: "已通过", now: "当前", broken: "在此中断", coming: "未开始",
  checks: "检查项", check: "检查", value: "当前值", bound: "界限", recent: "最近几分钟", detail: "测量", advisory: "仅供参考",
  charts: "流量", weight: "灰度权重", weight_: "权重", errors: "失败率", latency: "延迟", requests: "每秒请求数",
  noRequests: "没有请求", most: (name, value) => `${name}：最高 ${value}`, quantile: "分位数", mark: "事件",
  events: "事件", time: "时间", event: "事件", who: "操作者", what: "内容",
  history: "发布历史", result_: "结果", way: "从 → 到", report: "报告", why: "原因", took: "用时", noHistory: "还没有发布记录。",
  sentence: (data) => {
    const stage = data.stage ? `第 ${data.stage.index + 1}/${data.stage.count} 阶段，${data.to} 承担 ${data.stage.weight}%` : "";
    switch (data.status.phase) {
      case "idle": return `还没有发布过；所有请求都走 ${data.status.stable}`;
      case "starting": return stage || `等待 ${data.to} 就绪`;
      case "soaking": return stage || "全部阶段已通过，正在完成发布";
      case "paused": return `${stage}，已暂停`;
      case "awaiting_approval": return `${stage}，等待审批`;
      case "reverting": return `正在把所有请求切回 ${data.from}：${data.status.reason ?? ""}`;
      case "reverted": return `所有请求都走 ${data.from}：${data.status.reason ?? ""}`;
      case "promoted": return `${data.to} 已成为稳定版`;
      default: return data.sentence;
    }
  },
  changed: (name, phase) => `${name}：${phase}`, back: "全部服务",
};

export const isChinese = (navigator.languages?.[0] ?? navigator.language ?? "en").toLowerCase().startsWith("zh");
export const words = isChinese ? zh : en;
const locale = isChinese ? "zh-CN" : "en-GB";
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

export const clockTime = (at) => clock.format(at);
// The day as well, where it is not today.
export function when(text) {
  if (!text) return "";
  const at = new Date(text);
  return at.toDateString() === new Date().toDateString() ? clock.format(at) : day.format(at);
}
export function span(seconds) {
  const all = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (hours) return `${hours}h${String(minutes).padStart(2, "0")}m`;
  return minutes ? `${minutes}m${String(rest).padStart(2, "0")}s` : `${rest}s`;
}
// At most three digits that say something.
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}
