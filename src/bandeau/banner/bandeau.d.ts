/**
 * `window.bandeau`, the one global that Bandeau adds to a page. With a gate it is there
 * before the page's own scripts run.
 */

export type Answer = "accepted" | "refused" | "unanswered";

export interface Bandeau extends EventTarget {
  /** Every asked purpose and its answer; a new object after each change. */
  readonly answers: Readonly<Record<string, Answer>>;

  /** May something that acts for this purpose run now? Silence and unknown are no. */
  allows(purpose: string): boolean;

  /** Show the settings. Focus returns to where it was when they close. */
  open(): void;

  /** Refuse every purpose and forget every service that was accepted by name. */
  refuseAll(): void;

  /** Accept every purpose: only ever because the visitor asked for it just now. */
  acceptAll(): void;

  /** Answer some purposes, and leave the others as they are. */
  set(wanted: Readonly<Record<string, boolean>>): void;

  /** `change` follows every new answer, also one that was given in another tab. */
  addEventListener(
    type: "change",
    listener: (event: Event) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface Window {
    readonly bandeau: Bandeau;
  }
  const bandeau: Bandeau;
}
