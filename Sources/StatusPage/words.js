// Every word of the page, in the two languages that it speaks.
import { chinese } from "./chinese.js";

const en = {
  title: "canary", skip: "Skip to the service", find: "Find a service", services: "Services", none: "No service has that name.",
  empty: "No service yet. Give the config one, then: canary apply",
  gone: "There is no such service.", loading: "Reading …",
  counts: (all, running, attention) => `${all} services · ${running} rolling out${attention ? ` · ${attention} need a look` : ""}`,
  live: "live", still: (time) => `as of ${time}; no controller is running`, stale: (age) => `not written for ${age}: is canary running?`, lost: "cannot be reached; trying again",
  phase: { idle: "idle", scheduled: "scheduled", starting: "starting", soaking: "soaking", paused: "paused",
    awaiting_approval: "awaiting approval", reverting: "reverting", reverted: "reverted", promoted: "promoted" },
  verdict: { pass: "pass", pending: "pending", inconclusive: "inconclusive", error: "error", fail: "fail" },
  result: { promoted: "promoted", reverted: "reverted", stopped: "stopped", running: "running" },
  frozen: "Frozen", kind: {}, event_: {},
  act: { approve: "let it go on", reject: "send it back", revert: "go back", resume: "go on", drive: "go on" },
  copy: "Copy", copied: "Copied", service: "service", decision: "decision", share_: "canary", driven: "driven by", done: "done at the earliest",
  driver: (pid, isController) => `${isController ? "the controller, " : ""}process ${pid}`,
  canary: "canary", stable: "stable", release: "release", rollout: "rollout", started: "started", by: "by", generation: "generation",
  share: (weight, to, rest, from) => `${weight} % of the requests on ${to}, ${rest} % on ${from}`,
  stages: "Stages", left: (time) => `${time} left`, soaked: "soaked", passed: "passed", now: "now", broken: "broken off", coming: "to come",
  checks: "Checks", check: "check", value: "now", bound: "bound", recent: (time) => `last ${time}`, detail: "measured", advisory: "advisory",
  charts: "Traffic", weight: "Weight of the canary", weight_: "weight", errors: "Failed tries", latency: "Latency", requests: "Requests a second",
  errorsFew: "Failed tries, the last 30 s counted", requestsFew: "Requests, the last 30 s counted",
  noRequests: "no requests", most: (name, value) => `${name}: at most ${value}`, quantile: "Quantile", mark: "event",
  events: "What happened", time: "time", event: "event", who: "who", what: "what",
  history: "Rollouts", result_: "result", way: "from → to", report: "report", why: "why", took: "took", noHistory: "No rollout yet.",
  changed: (name, phase) => `${name}: ${phase}`, back: "All services",
};
const zh = {
  title: "canary 灰度发布", skip: "跳到服务详情", find: "查找服务", services: "服务", none: "没有符合的服务。",
  empty: "还没有服务。请先在配置中添加，然后执行：canary apply",
  gone: "没有这个服务。", loading: "读取中……",
  counts: (all, running, attention) => `共 ${all} 个服务 · ${running} 个正在发布${attention ? ` · ${attention} 个需要关注` : ""}`,
  live: "实时", still: (time) => `截至 ${time}；没有控制器在运行`, stale: (age) => `已有 ${age} 未更新：canary 还在运行吗？`, lost: "无法连接，正在重试",
  phase: { idle: "空闲", scheduled: "已排期", starting: "启动中", soaking: "观察中", paused: "已暂停",
    awaiting_approval: "等待审批", reverting: "回滚中", reverted: "已回滚", promoted: "已发布" },
  verdict: { pass: "通过", pending: "待定", inconclusive: "数据不足", error: "出错", fail: "失败" },
  result: { promoted: "已发布", reverted: "已回滚", stopped: "被人工停止", running: "进行中" },
  frozen: "已冻结",
  kind: { braked: "已刹车", undriven: "无人驱动", stale: "驱动进程无响应", stable_down: "稳定版不可用", failing: "检查未通过", waiting: "等待你审批",
    reverting: "回滚中", no_data: "没有数据", suspect: "可疑", held: "已暂缓", paused: "已暂停", starting: "启动中", soaking: "观察中",
    scheduled: "已排期", reverted: "已回滚", promoted: "已发布", idle: "空闲" },
  event_: { started: "开始", stage: "进入阶段", verdict: "结论", paused: "暂停", resumed: "继续", advanced: "提前", reverting: "回滚中", reverted: "已回滚",
    promoted: "已发布", held: "暂缓", awaiting_approval: "等待审批", approved: "批准", rejected: "驳回", preflight: "发布前检查", source_error: "数据源无响应",
    frozen: "冻结", thawed: "解冻", scheduled: "排期", cancelled: "取消" },
  act: { approve: "批准", reject: "驳回", revert: "回滚", resume: "继续", drive: "继续驱动" },
  copy: "复制", copied: "已复制", service: "服务", decision: "状态", share_: "灰度", driven: "驱动者", done: "最早完成于",
  driver: (pid, isController) => `${isController ? "控制器，" : ""}进程 ${pid}`,
  canary: "灰度", stable: "稳定", release: "版本", rollout: "发布", started: "开始于", by: "发起人", generation: "配置代次",
  share: (weight, to, rest, from) => `${weight}% 的请求走 ${to}，${rest}% 走 ${from}`,
  stages: "阶段", left: (time) => `剩余 ${time}`, soaked: "观察期满", passed: "已通过", now: "当前", broken: "在此中断", coming: "未开始",
  checks: "检查项", check: "检查", value: "当前值", bound: "界限", recent: (time) => `最近 ${time}`, detail: "测量", advisory: "仅供参考",
  charts: "流量", weight: "灰度权重", weight_: "权重", errors: "失败率", latency: "延迟", requests: "每秒请求数",
  errorsFew: "失败的请求（最近 30 秒内的次数）", requestsFew: "请求数（最近 30 秒内的次数）",
  noRequests: "没有请求", most: (name, value) => `${name}：最高 ${value}`, quantile: "分位数", mark: "事件",
  events: "事件", time: "时间", event: "事件", who: "操作者", what: "内容",
  history: "发布历史", result_: "结果", way: "从 → 到", report: "报告", why: "原因", took: "用时", noHistory: "还没有发布记录。",
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

// What canary says, in the reader's language.
export const say = (text) => isChinese ? chinese(text) : text;

let offset = 0;
// The host's clock against this one, in milliseconds.
export const setClock = (milliseconds) => { offset = milliseconds; };

// A fact of a headline: text, and times by the reader's clock.
export function factText(fact) {
  const now = Date.now() + offset;
  return say(fact.map((part) => {
    if (typeof part === "string") return part;
    if (part.clock) return when(part.clock);
    return span((part.since ? now - part.since : part.until - now) / 1000);
  }).join(""));
}

// The command of an act, as `canary status` prints it.
export const commandOf = (act, service) => act === "drive" ? "canary controller" : `canary ${act} ${service}`;
