/** Words that give a sentence's purpose away, English and German. One pattern per rule of `classify.ts`. */

export const ERROR =
  /^Traceback \(most recent call last\)|^\s+at [\w$.<>]+ ?\(.*:\d+:\d+\)|^(?:[A-Z]\w*)?(?:Error|Exception)(?: \[\w+\])?: |^(?:error|fatal|panic|FAILED)(?:\[\w+\])?: |segmentation fault|\bexit(?:ed with)? code [1-9]/im

/** Starts like a question, for those who leave the mark out. */
export const ASKS =
  /^(?:(?:so|and|but|ok|okay|und|aber|also),? )?(?:what|how|why|when|where|who|whom|whose|which|can|could|would|will|should|shall|do|does|did|is|are|am|was|were|has|have|was|wie|warum|wieso|weshalb|wann|wo|woher|wohin|wer|wem|wen|welche[rsmn]?|kannst|könntest|können|würdest|soll|sollte|muss|gibt es|ist|sind|hast|hat) /i

export const INSTRUCTS =
  /^(?:(?:please|now|then|next|first|also|ok|okay|great|thanks|bitte|jetzt|dann|danach|zuerst|und)[,.! ]+){0,3}(?:add|answer|apply|avoid|build|calculate|change|check|choose|click|compare|compute|configure|convert|copy|create|define|delete|deploy|describe|design|download|draft|edit|enable|ensure|enter|explain|extract|find|fix|format|generate|give|go|help|implement|improve|insert|install|keep|let|list|make|mix|move|open|outline|paste|pick|plan|press|propose|put|refactor|remove|rename|repeat|replace|restart|return|review|rewrite|run|save|select|send|set|shorten|show|simplify|sort|start|stop|store|suggest|summari[sz]e|switch|take|tell|test|translate|try|turn|update|use|verify|wait|write|ändere|antworte|baue|benutze|berechne|beschreibe|erkläre?|erstelle|fasse|finde|füge|gib|hilf|korrigiere?|lass|liste|lösche|mach|mache|nenne?|nimm|öffne|prüfe?|schlage?|schreibe?|setze|sortiere|speichere|teste|übersetze?|verbessere|vergleiche|verwende|wähle|zeige?)(?= |:|$)(?! (?:is|was|of|are)\b)/iu

export const DECIDES =
  /(?<!\p{L})(?:(?:we|i)(?:['’]ve| have)? (?:decided|agreed|settled)|(?:i|we)(?:['’]ll| will|['’]m going to) (?:go|stick|stay) with|let['’]?s (?:go|stick|stay) with|final decision|the decision is|decision:|wir (?:nehmen|haben uns entschieden|bleiben bei)|ich (?:nehme|habe mich entschieden|bleibe bei|entscheide mich)|entschieden:|beschlossen)(?!\p{L})/iu

export const PREFERS =
  /(?<!\p{L})(?:i(?:['’]d)? (?:really |much |strongly |usually |always )?(?:prefer|like|love|enjoy|hate|dislike|can['’]t stand)|i would rather|i['’]d rather|my favou?rite|i(?:['’]m| am) (?:not )?a fan of|ich (?:mag|liebe|hasse|bevorzuge)|ich \p{L}+ (?:lieber|gern|gerne|am liebsten)|am liebsten|mein\p{L}* lieblings\p{L}*)(?!\p{L})/iu

export const PLANS =
  /(?<!\p{L})(?:next steps?|the plan|my plan|our plan|roadmap|milestones?|to-?do|i(?:['’]m| am) (?:going|planning) to|we(?:['’]re| are) (?:going|planning) to|i plan to|we plan to|(?:day|week|phase|step) \d+ ?[:–-]|nächste[nr]? schritte?|der plan|mein plan|ich habe vor|wir haben vor|ich plane|wir planen|(?:tag|woche|phase|schritt) \d+ ?[:–-])(?!\p{L})/iu

export const DEFINES =
  /^(?:\*\*)?(?:An? |The |Der |Die |Das |Ein |Eine )?[\p{L}\p{N}`*"„“_ /.+#-]{2,60}? (?:is (?:an?|the) (?:\p{L}+ ){0,4}(?:that|which|of|for|used|where|in|to|who)(?!\p{L})|(?:is|are) (?:defined as|called)|refers? to|stands for|means (?!that you)|denotes|describes how|bezeichnet|bedeutet|steht für|ist (?:ein|eine|der|die|das) \p{Lu}|nennt man|heißt)/u

export const STATES_FACT =
  /(?<!\p{L})(?:my name is|i(?:['’]m| am) (?:an? |the |\d+|from|based|working|vegetarian|vegan|allergic|married|single|left-handed)|i (?:live|work|study|have|own|use|drive|speak|run|moved|bought|was born|grew up)|my \p{L}+(?: \p{L}+)? (?:is|are|has|have|was)|we (?:live|have|own|use|are)|our \p{L}+(?: \p{L}+)? (?:is|are|has|have)|ich (?:heiße|bin|wohne|arbeite|lebe|habe|studiere|spreche|benutze|nutze|komme aus)|mein\p{L}* \p{L}+ (?:ist|heißt|hat|sind|war)|wir (?:wohnen|haben|sind|nutzen)|unser\p{L}* \p{L}+ (?:ist|hat|sind))(?!\p{L})/iu

export const EXPLAINS =
  /(?<!\p{L})(?:because|therefore|since|so that|which means|this means|that means|the reason|that['’]s why|this is why|in other words|for example|for instance|e\.g\.|due to|as a result|caused by|instead of|whereas|hence|weil|daher|deshalb|deswegen|denn|das heißt|d\.h\.|zum beispiel|z\.b\.|nämlich|dadurch|somit|während|der grund|bedeutet)(?!\p{L})/iu

export const TECHNICAL =
  /(?<!\p{L})(?:api|apis|backend|frontend|database|datenbank|sql|sqlite|postgres\p{L}*|server|docker|kubernetes|git|github|commit|branch|merge|deploy\p{L}*|compiler?|runtime|typescript|javascript|python|rust|java|golang|react|node(?:\.js)?|npm|json|yaml|html|css|http|https|tcp|udp|dns|linux|regex|function|class|method|variable|array|string|integer|boolean|null|pointer|thread|async|await|promise|cache|index|schema|query|queries|migration|algorithm|algorithmus|parser|script|bug|debug\p{L}*|stack trace|exception|unit tests?|library|framework|repository|endpoint|cpu|gpu|ram|latency|encryption|hash|token|tokens|wal|file system|programm\p{L}*|software|code|quellcode|funktion|variable|klasse|abfrage|schnittstelle)(?!\p{L})|`[^`\n]+`/iu

export const PROCEDURAL =
  /(?<!\p{L})(?:step|steps|guide|tutorial|how to|instructions?|recipe|procedure|process|first,|then,|finally,|afterwards|preheat|knead|schritt|schritte|anleitung|rezept|vorgehen|zuerst|danach|anschließend|so geht)(?!\p{L})/iu

export const CREATIVE =
  /(?<!\p{L})(?:poem|haiku|sonnet|limerick|short story|once upon a time|lyrics|song|verse|chorus|novel|fairy ?tale|metaphor|screenplay|plot twist|protagonist|imagine|gedicht|geschichte|märchen|es war einmal|liedtext|strophe|roman|erzählung|stell dir vor)(?!\p{L})/iu

/** Politeness and frames that say nothing of the matter. */
export const BOILERPLATE =
  /(?<!\p{L})(?:as an ai(?: language model)?|i hope (?:this|that) helps|let me know if|feel free to|happy to help|glad to help|glad (?:i|it) could help|great question|good question|you['’]re (?:very )?welcome|is there anything else|don['’]t hesitate|of course!|certainly!|absolutely!|sure thing|sure[!,.]|no problem|thank you|thanks|hello|hi there|hey|good (?:morning|evening|afternoon)|have a (?:great|nice|good) \p{L}+|sounds good|got it|perfect!|i apologi[sz]e|sorry for|i understand|als ki|ich hoffe,? das hilft|sag bescheid|melde dich|gerne!|gute frage|natürlich!|klar!|kein problem|vielen dank|danke\p{L}*|hallo|guten (?:tag|morgen|abend)|gern geschehen|viel erfolg|viel spaß|entschuldigung)(?!\p{L})/giu

export const REFUSES =
  /(?<!\p{L})(?:i(?:['’]m| am) (?:sorry,? but i |not able to |unable to )|i (?:can['’]t|cannot|can not) (?:help|assist|provide|do that|fulfil|comply|answer)|i(?:['’]m| am) (?:just |only )?an? (?:ai|language model)|i (?:don['’]t|do not) have (?:access|the ability)|as an ai(?: language model)?,? i (?:can|do|am)|das kann ich (?:leider )?nicht|ich kann (?:dir |ihnen )?(?:dabei |damit )?(?:leider )?nicht (?:helfen|weiterhelfen)|tut mir leid,? (?:aber|ich kann))(?!\p{L})/iu

/** Begins with a word that points at something outside the unit. */
export const DANGLES =
  /^(?:it|this|that|these|those|they|he|she|and|but|so|also|or|es|dies\p{L}{0,2}|das|jene\p{L}?|und|aber|auch|oder)(?!\p{L})/iu
