// What canary says, in Chinese. What no pattern knows stays as it is, so that no fact is lost.
import { sentences } from "./sentences.js";

const kinds = sentences.map(([pattern, words]) => [new RegExp(`^(?:${pattern})$`, "u"), words]);

export function chinese(text) {
  for (const [pattern, words] of kinds) {
    const found = pattern.exec(text);
    if (found) return words.replace(/\$(\d)|\{(\d)\}/g, (_, as, said) => as ? found[as] ?? "" : chinese(found[said] ?? ""));
  }
  return text;
}
