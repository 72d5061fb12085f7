// Records what the npm package minimatch 10.2.6 answers to generated patterns, one JSON list a line: pattern, path, dot, nocase,
// answer. `npm install minimatch@10.2.6 && node minimatch.mjs SEED`
import { minimatch } from 'minimatch';
let seed = +(process.argv[2]||42); const rnd = n => { seed |= 0; seed = seed + 0x6D2B79F5 | 0; let t = Math.imul(seed ^ seed >>> 15, 1 | seed); t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t; return ((t ^ t >>> 14) >>> 0) % n; };
const atoms = ['a','b','ab','.','..','*','**','?','/','/','/','[ab]','[!a]','[^a-c]','{a,b}','{a,}','{1..3}','{a..c}','!(a)','!(a|b)','@(a|b)','+(a|.b)','*(a|b)','?(a)','*.js','.js','\\*','[','(',')','|','{','}',',','!','#','[[:alpha:]]','**/','/**','@(a|*)','!(*.js)','@(!(a)|b)','.*','A','-','{a,{b,c}}','!(@(a|b))','+(!(a))','\\','*(a)b','!()','\\{','[a-]','[]a]','$'];
const patoms = ['a','b','ab','.','..','/','/','.js','c','.a','A','1','2','*','(',')','{','}',',','!','[',']','-','|','\\','abab','aa'];
const out = [];
for (let i = 0; i < 30000; i++) {
  let p = ''; for (let k = rnd(6) + 1; k--;) p += atoms[rnd(atoms.length)];
  const dot = rnd(4) === 0, nocase = rnd(6) === 0;
  for (let j = 0; j < 4; j++) {
    let f = ''; for (let k = rnd(6) + (j?1:0); k--;) f += patoms[rnd(patoms.length)];
    // bias: derive from pattern
    if (j == 3) f = p.replace(/\*\*/g, 'a/b').replace(/\*/g,'ab').replace(/\{([^,}]*),[^}]*\}/g,'$1').replace(/\?/g,'b').replace(/[@!+]\(([^|)]*)[^)]*\)/g,'$1').replace(/\[[^\]]*\]/g,'a');
    let r; try { r = minimatch(f, p, {dot, nocase}); } catch (e) { r = 'error'; }
    out.push(JSON.stringify([p, f, dot, nocase, r]));
  }
}
console.log(out.join('\n'));
