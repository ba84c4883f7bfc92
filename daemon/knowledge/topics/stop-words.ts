import { STOP_WORDS } from '../words/stop-words.ts'
import { plainForm } from '../words/terms.ts'

const FRENCH = `alors au aucun aussi autre avant avec avoir bon car ce cela ces cette ceux chaque comme comment dans de
depuis des devrait doit donc du elle elles en encore est et eu fait faire fois hors ici il ils je la le les
leur lui ma mais mes moins mon ne nos notre nous on ou par parce pas peu peut plus plutôt pour pourquoi
quand que quel quelle quels qui sa sans ses si son sont sous sur ta tandis te tes ton tous tout très trop tu
un une vos votre vous être était sommes étaient étions`

const SPANISH = `al algo algunos ante antes como con contra cual cuando de del desde donde durante el ella ellos en entre era
es esa ese eso esta estaba estado este esto estos fue ha haber hace hasta hay la las le les lo los me mi mis
mucho muy más nada ni no nos nosotros nuestro o os otra otro para pero poco por porque que quien se sea ser
si sido sin sobre solo son su sus también te tiene todo todos tu tus un una uno usted y ya yo él`

const ITALIAN = `ad alla alle anche avere che chi ci come con contro cosa cui da dal dalla degli dei del della delle di dove
e ed era essere fa gli ha hanno ho il in io la le lei li lo loro lui ma mi mia mio molto ne nei nel nella
noi non nostro o ogni per perché più poi quale quando quanto quello questa questo se sei senza si sia sono
su sua sul sulla suo ti tra tu tutti tutto un una uno vi voi è`

const DUTCH = `aan al alles als ben bij daar dan dat de der deze die dit doch doen door dus een en er ge geen geweest haar
had heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je kan kon kunnen maar me meer men met
mij mijn moet na naar niet niets nog nu of om omdat ons ook op over reeds te tegen toch toen tot u uit uw
van veel voor want waren was wat we wel werd wezen wie wij wil worden zal ze zei zelf zich zij zijn zo
zonder zou`

const PORTUGUESE = `ao aos aquela aquele até com como da das de dela dele depois do dos ela elas ele eles em entre era essa esse
esta este eu foi for há isso isto já lhe mais mas me mesmo meu minha muito na nas nem no nos nossa nosso não
o os ou para pela pelo por qual quando que quem se sem ser seu seus somos sou são só sua suas também te tem
ter um uma você vocês à é`

/** Words that carry no topic, in seven languages. A search leaves out less: `son` may be meant in English. */
export const TOPIC_STOP_WORDS: ReadonlySet<string> = new Set([
  ...STOP_WORDS,
  ...[FRENCH, SPANISH, ITALIAN, DUTCH, PORTUGUESE].flatMap((list) => list.split(/\s+/)).map(plainForm),
])
