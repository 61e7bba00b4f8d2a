import type { Conversation } from "@sft/templates";
import type { MaskPolicy } from "./maskPolicy.ts";

/** Whether a message's turn is trained, before the four switches and weights, and the rule that says so. */
export interface TurnVerdict {
  readonly trained: boolean;
  readonly reason: string;
  /** Every token of the turn is trained, whatever the switches say (inside a marker search). */
  readonly whole?: boolean;
}

/** One verdict a message. `train` flags of messages are applied on top of the policy's choice of turns. */
export function chooseTrainedTurns(conversation: Conversation, policy: MaskPolicy): readonly TurnVerdict[] {
  const { messages, supervisedMessage } = conversation;
  const isAnswer = messages.map((message) => policy.roles.includes(message.role));
  const lastAnswer = isAnswer.lastIndexOf(true);
  const question = messages.findLastIndex((message, i) => i < lastAnswer && message.role === "user");
  return messages.map((message, i): TurnVerdict => {
    if (message.train === false) {
      const isContext = supervisedMessage !== undefined && i < supervisedMessage && message.role === "assistant";
      const alone = `this example trains message ${supervisedMessage} alone, since the template rewrites earlier answers`;
      return { trained: false, reason: isContext ? alone : "this message is marked train: false" };
    }
    const chosen = byPolicy(i);
    if (message.train === true && !chosen.trained) return { trained: true, reason: "this message is marked train: true" };
    return chosen;
  });

  function byPolicy(i: number): TurnVerdict {
    const { turns } = policy;
    const role = messages[i].role;
    if (turns === "all") return { trained: true, reason: `policy ${policy.name} trains every turn` };
    if (turns === "untilNextUser") return untilNextUser(i);
    if (!isAnswer[i]) {
      return { trained: false, reason: `policy ${policy.name} trains ${policy.roles.join(", ")} turns, this is a ${role} turn` };
    }
    if (turns === "last" && i !== lastAnswer) {
      return { trained: false, reason: `policy ${policy.name} trains the last ${role} turn only` };
    }
    if (turns === "completion" && i < question) {
      return { trained: false, reason: `policy ${policy.name} trains the answer to the last user message only` };
    }
    return { trained: true, reason: `policy ${policy.name} trains this ${role} turn` };
  }

  function untilNextUser(i: number): TurnVerdict {
    const role = messages[i].role;
    const opener = messages.findLastIndex((message, j) => j <= i && message.role === "user");
    const firstAnswer = isAnswer.indexOf(true, opener + 1);
    if (role === "user" || firstAnswer < 0 || firstAnswer > i) {
      return { trained: false, reason: `policy ${policy.name} trains nothing before an assistant header` };
    }
    if (firstAnswer === i) return { trained: true, reason: `policy ${policy.name} trains this ${role} turn` };
    return { trained: true, whole: true, reason: `policy ${policy.name} trains up to the next user header, ${role} turns included` };
  }
}
